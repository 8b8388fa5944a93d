//go:build !unix

package audit

import "io/fs"

// unlinked reports false: where this is built, a file that is open keeps its name.
func unlinked(fs.FileInfo) bool { return false }
