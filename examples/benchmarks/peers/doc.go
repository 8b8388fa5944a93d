// Package peers compiles and runs the programs that docs/guides/from-scs.md and docs/guides/from-gin-contrib.md
// start from. It has tests only, and stands in this module so that these libraries stay out of nguard's
// go.mod.
package peers
