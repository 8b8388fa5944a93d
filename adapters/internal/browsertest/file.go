package browsertest

import (
	"os"
	"path/filepath"
	"testing"
)

// File makes a file of this size, which is gone when the test ends.
func File(t testing.TB, size int) (path string, content []byte) {
	t.Helper()
	path, content = filepath.Join(t.TempDir(), "large.bin"), make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}
