//go:build unix

package audit

import (
	"io/fs"
	"syscall"
)

// unlinked reports whether the file of info has no name any more.
func unlinked(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
