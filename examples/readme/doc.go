// Package readme compiles and runs the code that README.md, docs and the package comment of core show.
// A test in core/promises/house looks for each of their snippets in the Go files of this repository.
package readme
