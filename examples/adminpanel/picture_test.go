package main

import (
	"os"
	"testing"
)

// TestPicture: the README shows the panel, and whoever opens it loads the picture.
func TestPicture(t *testing.T) {
	const most = 100_000
	info, err := os.Stat("../../docs/adminpanel.png")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 || info.Size() >= most {
		t.Errorf("docs/adminpanel.png has %d bytes: it is to be below %d", info.Size(), most)
	}
}
