package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

func TestFileOptions(t *testing.T) {
	dir := t.TempDir()
	for mode, ok := range map[os.FileMode]bool{0: true, 0o600: true, 0o640: true, 0o644: false, 0o660: false, 0o400: false, 0o700: false} {
		f, err := audit.OpenFile(filepath.Join(dir, fmt.Sprint(mode)), audit.FileOptions{Mode: mode})
		if (err == nil) != ok {
			t.Errorf("mode %#o: %v", mode, err)
		}
		if err == nil {
			_ = f.Close()
		} else if !strings.Contains(err.Error(), "FileOptions.Mode") {
			t.Errorf("the error does not name the field: %v", err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "none", "audit.jsonl")} {
		if _, err := audit.OpenFile(path, audit.FileOptions{}); err == nil {
			t.Errorf("opened %s", path)
		}
	}
}

// TestFileMode is ASVS 16.4.2: others read nothing, also in a file that was left open to them.
func TestFileMode(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{})
	mode := func(want os.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, want)
		}
	}
	mode(0o600)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil { // as a careless logrotate creates it
		t.Fatal(err)
	}
	record(t, f, 1)
	mode(0o600)
}

func record(t *testing.T, s nguard.Sink, n int) {
	t.Helper()
	if err := s.Record(t.Context(), event(n, nguard.ClassChange)); err != nil {
		t.Fatalf("record %d: %v", n, err)
	}
}

// readAll returns the IDs in the files, in order, and fails on a line that is not a whole record.
func readAll(t *testing.T, paths ...string) []string {
	t.Helper()
	var ids []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		events, err := decodeLines(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, e := range events {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func equalIDs(t *testing.T, got []string, want ...int) {
	t.Helper()
	var ids []string
	for _, n := range want {
		ids = append(ids, fmt.Sprint("id-", n))
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("got %q, want %q", got, ids)
	}
}

func TestFileAppendsAfterRestart(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{})
	record(t, f, 1)
	if err := errors.Join(f.Close(), f.Close(), f.Drain(t.Context())); err != nil {
		t.Error(err)
	}
	err := f.Record(t.Context(), event(2, nguard.ClassChange))
	if !errors.Is(err, nguard.ErrUnavailable) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	again, err := audit.OpenFile(path, audit.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	record(t, again, 3)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	equalIDs(t, readAll(t, path), 1, 3)
}

// TestFileTornByCrash is checklist M5: a line cut short stays alone on its line.
func TestFileTornByCrash(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{})
	record(t, f, 1)
	tear := func() {
		t.Helper()
		other, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.WriteString(`{"v":1,"id":"torn"`); err != nil {
			t.Fatal(err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
	tear() // another process that shares the file
	record(t, f, 2)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	tear() // our own, before a restart
	again, err := audit.OpenFile(path, audit.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	record(t, again, 3)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var whole []string
	torn := 0
	for line := range strings.Lines(string(text)) {
		if e, err := audit.Decode([]byte(line)); err == nil {
			whole = append(whole, e.ID)
		} else {
			torn++
		}
	}
	equalIDs(t, whole, 1, 2, 3)
	if torn != 2 {
		t.Errorf("%d torn lines", torn)
	}
}

func TestFileFollowsItsName(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{})
	record(t, f, 1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(t, f, 2)
	record(t, f, 3)
	equalIDs(t, readAll(t, path+".1", path), 1, 2, 3)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	record(t, f, 4)
	equalIDs(t, readAll(t, path), 4)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	record(t, f, 5)
	equalIDs(t, readAll(t, path), 5)
}

// TestFileRotatedUnderLoad renames the file away while 8 goroutines write: each record is there once
// and whole.
func TestFileRotatedUnderLoad(t *testing.T) {
	for name, o := range map[string]audit.FileOptions{"sync": {}, "no sync": {NoSync: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const goroutines, each = 8, 200
			f, path := openFile(t, o)
			var writers, rotator sync.WaitGroup
			for g := range goroutines {
				writers.Go(func() {
					for i := range each {
						if err := f.Record(t.Context(), event(g*each+i, nguard.ClassChange)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			stop := make(chan struct{})
			paths := []string{path}
			rotator.Go(func() {
				for i := 1; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					rotated := fmt.Sprint(path, ".", i)
					if err := os.Rename(path, rotated); err == nil {
						paths = append(paths, rotated)
					} else if !errors.Is(err, os.ErrNotExist) { // not opened again yet
						t.Error(err)
					}
				}
			})
			writers.Wait()
			close(stop)
			rotator.Wait()
			record(t, f, goroutines*each) // so that the name leads to a file again
			seen := map[string]int{}
			for _, id := range readAll(t, paths...) {
				seen[id]++
			}
			for n := range goroutines*each + 1 {
				if id := fmt.Sprint("id-", n); seen[id] != 1 {
					t.Errorf("%s is there %d times", id, seen[id])
				}
			}
			if len(paths) < 3 {
				t.Errorf("only %d rotations", len(paths)-1)
			}
		})
	}
}

// TestFileRemovedUnderLoad removes the file instead: what was acknowledged after the last removal is
// there.
func TestFileRemovedUnderLoad(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{NoSync: true})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := f.Record(t.Context(), event(g*50+i, nguard.ClassChange)); err != nil {
					t.Error(err)
				}
				if g == 0 && i%5 == 0 {
					if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	record(t, f, 1000)
	equalIDs(t, readAll(t, path), 1000)
}

// TestFilePermissionLost is checklist M6: where the file cannot be opened again, the record is refused,
// and written once it can.
func TestFilePermissionLost(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{})
	record(t, f, 1)
	if err := errors.Join(os.Rename(path, path+".1"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := f.Record(t.Context(), event(2, nguard.ClassChange))
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("record: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	record(t, f, 3)
	equalIDs(t, readAll(t, path+".1", path), 1, 3)
}

func TestFileDrain(t *testing.T) {
	f, path := openFile(t, audit.FileOptions{NoSync: true})
	record(t, f, 1)
	if err := f.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Drain(ended); err != nil && !errors.Is(err, nguard.ErrUnavailable) {
		t.Error(err)
	}
	equalIDs(t, readAll(t, path), 1)
}
