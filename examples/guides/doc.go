// Package guides compiles and runs the code that docs/guides shows. Nobody imports it, so that it may need
// several frameworks and a database driver. A test in core/promises/house compares the two.
package guides
