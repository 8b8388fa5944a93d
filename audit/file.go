package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	nguard "github.com/nguard-go/nguard/core"
)

// FileOptions are the choices for a [File]. The zero value is the durable one.
type FileOptions struct {
	// NoSync leaves it to the operating system when records reach the disk: a crash of the machine
	// may lose the last seconds, a crash of the program loses nothing. Defaults to false: Record
	// returns when its record is synced, many concurrent ones by one sync.
	NoSync bool
	// Mode is the file's mode; a file that has more permissions is narrowed to it. Nothing may be
	// granted to others, and nothing but reading to the group. Defaults to 0600 (ASVS 16.4.2).
	Mode fs.FileMode
}

// File is a sink that appends one line of JSON for each event, as [AppendJSON] writes it, to a file.
//
// Errors: full disks, lost permissions and other faults are returned, as [nguard.ErrUnavailable], to
// each Record that they concern. A line that was cut short by one is never continued: the next starts
// on a line of its own, also after a crash, and [Decode] refuses the torn one. A failed sync, and a
// deadline that ends while the record is on its way, are [nguard.ErrOutcomeUnknown] too.
//
// Rotation: before each write the file is compared with what its name leads to, and opened again when
// it was renamed or removed; a file that was truncated in place is written on from its start. No signal
// is needed. Programs such as logrotate should rename (and delay the compression), since truncation
// after copying loses what is written in between. Records of several processes may share a file on a
// local disk.
//
// Safe for concurrent use. The zero value fails; use [OpenFile].
type File struct {
	path string
	mode fs.FileMode
	sync bool

	mu      sync.Mutex // guards what follows
	pending []*fileEntry
	idle    chan struct{} // closed when the writer ends; nil while none runs
	closed  bool

	// What follows belongs to the writer, and to Close when none runs.
	file    *os.File
	buf     []byte
	regular bool
	size    int64 // as we left it
	torn    bool  // the file does not end in a line's end
}

// fileEntry is a line to write, or a wish to sync.
type fileEntry struct {
	line []byte
	sync bool
	done chan error
}

var (
	_ nguard.Sink    = (*File)(nil)
	_ nguard.Drainer = (*File)(nil)
)

// OpenFile opens or creates the file at path for appending. It must be a regular file or a device; its
// folder must exist.
func OpenFile(path string, o FileOptions) (*File, error) {
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Mode&^0o640 != 0 || o.Mode&0o600 != 0o600 {
		return nil, fmt.Errorf("audit: FileOptions.Mode is %#o, take 0600, or 0640 for readers in the group", o.Mode)
	}
	f := &File{path: path, mode: o.Mode, sync: !o.NoSync}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return f, nil
}

// Record appends e as one line. It returns when the line is written, and synced unless NoSync is set,
// or when the deadline of ctx ends.
func (f *File) Record(ctx context.Context, e nguard.Event) error {
	ctx, cancel := Steady(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return unavailable("file", err)
	}
	return f.wait(ctx, &fileEntry{
		line: append(AppendJSON(make([]byte, 0, 512), e), '\n'),
		sync: f.sync,
		done: make(chan error, 1),
	})
}

// wait gives entry to the writer and waits until it is done or ctx ends.
func (f *File) wait(ctx context.Context, entry *fileEntry) error {
	f.mu.Lock()
	if f.closed || f.path == "" {
		f.mu.Unlock()
		return unavailable("file", os.ErrClosed)
	}
	f.pending = append(f.pending, entry)
	if f.idle == nil {
		f.idle = make(chan struct{})
		go f.write()
	}
	f.mu.Unlock()

	select {
	case err := <-entry.done:
		return err
	case <-ctx.Done():
	}
	if f.withdraw(entry) {
		return unavailable("file", ctx.Err())
	}
	select {
	case err := <-entry.done:
		return err
	default:
		return unknown("file", ctx.Err())
	}
}

// withdraw takes entry back if the writer has not taken it yet.
func (f *File) withdraw(entry *fileEntry) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, p := range f.pending {
		if p == entry {
			f.pending = append(f.pending[:i], f.pending[i+1:]...)
			return true
		}
	}
	return false
}

// Drain returns when all that was accepted is written and, also with NoSync, synced. A file that is
// closed has nothing to drain.
func (f *File) Drain(ctx context.Context) error {
	err := f.wait(ctx, &fileEntry{sync: true, done: make(chan error, 1)})
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Close writes what is under way, syncs and closes the file. Later records fail; a second Close does
// nothing.
func (f *File) Close() error {
	f.mu.Lock()
	already := f.closed
	f.closed = true
	idle := f.idle
	f.mu.Unlock()
	if idle != nil {
		<-idle
	}
	if already || f.file == nil {
		return nil
	}
	return errors.Join(f.syncFile(), f.file.Close())
}

// write is the writer: one at a time, it writes what has gathered as one batch until nothing is left.
func (f *File) write() {
	for {
		f.mu.Lock()
		batch := f.pending
		f.pending = nil
		if len(batch) == 0 {
			close(f.idle)
			f.idle = nil
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		written, err := f.append(batch)
		for i, entry := range batch {
			if i < written {
				entry.done <- nil
			} else {
				entry.done <- err
			}
		}
	}
}
