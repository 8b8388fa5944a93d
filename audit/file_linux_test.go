package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/nguard-go/nguard/audit"
	nguard "github.com/nguard-go/nguard/core"
)

// TestFileDiskFull is checklist M6: no room, no success.
func TestFileDiskFull(t *testing.T) {
	f, err := audit.OpenFile("/dev/full", audit.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 3 {
		err := f.Record(t.Context(), event(1, nguard.ClassChange))
		if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("record: %v", err)
		}
	}
}

// TestFileTornByFullDisk lets the kernel cut a write short at each place of a line, by the limit for
// the size of a file, and lift the limit again. A record that was refused is not there as a whole, and
// one that was accepted is, alone on its line.
func TestFileTornByFullDisk(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	line := len(audit.AppendJSON(nil, event(1, nguard.ClassChange))) + 1
	for _, room := range []int{0, 1, line / 2, line - 2, line - 1, line} {
		f, path := openFile(t, audit.FileOptions{})
		record(t, f, 1)
		limit := before
		limit.Cur = uint64(line + room)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		refused := f.Record(t.Context(), event(2, nguard.ClassChange))
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		record(t, f, 3)
		if refused != nil && !errors.Is(refused, syscall.EFBIG) {
			t.Errorf("room %d: %v", room, refused)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for l := range bytes.Lines(text) {
			if e, err := audit.Decode(l); err == nil {
				ids = append(ids, e.ID)
			}
		}
		if refused == nil {
			equalIDs(t, ids, 1, 2, 3)
		} else {
			equalIDs(t, ids, 1, 3)
		}
		if accepted := refused == nil; accepted != (room >= line-1) {
			t.Errorf("room %d of %d: %v", room, line, refused)
		}
	}
}

// TestFileDeviceHangs keeps the deadline while a write hangs in the kernel: a terminal that nobody
// reads. Records that wait behind it are taken back, so that nothing piles up.
func TestFileDeviceHangs(t *testing.T) {
	master, path := terminal(t)
	f, err := audit.OpenFile(path, audit.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	patiently := func(n int, d time.Duration) error {
		e := event(n, nguard.ClassChange)
		e.UserAgent = strings.Repeat("x", 1000)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return f.Record(ctx, e)
	}
	n := 0
	for err == nil && n < 1000 {
		n++
		err = patiently(n, 200*time.Millisecond)
	}
	if !errors.Is(err, nguard.ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the write that hangs: %v", err)
	}
	for range 3 {
		err := patiently(2000, 20*time.Millisecond)
		if !errors.Is(err, nguard.ErrUnavailable) || errors.Is(err, nguard.ErrOutcomeUnknown) {
			t.Errorf("a write behind it: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}

	var read bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&read, master)
	}()
	if err := patiently(3000, 10*time.Second); err != nil {
		t.Fatalf("after the hang: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	<-done // the last side that writes is closed
	text := read.String()
	if strings.Contains(text, "id-2000") || strings.Count(text, `"id-3000"`) != 1 || strings.Count(text, fmt.Sprintf(`"id-%d"`, n)) != 1 {
		t.Errorf("after %d records the device has %d bytes, with what was taken back or without what was not", n, len(text))
	}
}

// terminal returns both ends of a pseudo terminal.
func terminal(t *testing.T) (master *os.File, path string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var number, unlock uint32
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for request, arg := range map[uintptr]*uint32{syscall.TIOCGPTN: &number, syscall.TIOCSPTLCK: &unlock} {
			if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(arg))); errno != 0 {
				t.Error(errno)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprint("/dev/pts/", number)
}
