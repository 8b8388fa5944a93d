package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// append writes batch and returns how many of its lines are as durable as was asked for, and why the
// rest is not.
func (f *File) append(batch []*fileEntry) (written int, err error) {
	for {
		if err := f.follow(); err != nil {
			return 0, unavailable("file", err)
		}
		written, err = f.appendOnce(batch)
		if written == 0 || !f.removed() {
			return written, err
		}
		// The file lost its last name while we wrote: what is in it is gone with it.
	}
}

func (f *File) appendOnce(batch []*fileEntry) (written int, err error) {
	buf, sync := f.buf[:0], false
	if f.torn {
		buf = append(buf, '\n')
	}
	end := len(buf)
	for _, entry := range batch {
		buf = append(buf, entry.line...)
		sync = sync || entry.sync
	}
	if cap(buf) <= 1<<20 {
		f.buf = buf
	}
	n, err := f.file.Write(buf)
	f.size += int64(n)
	if n > 0 {
		f.torn = buf[n-1] != '\n'
	}
	for _, entry := range batch {
		end += len(entry.line)
		if n < end-1 { // a line that lacks nothing but its end is whole: the next write ends it
			break
		}
		written++
	}
	if err != nil {
		err = unavailable("file", err)
	}
	if written > 0 && sync {
		if syncErr := f.syncFile(); syncErr != nil {
			return 0, unknown("file", errors.Join(syncErr, err))
		}
	}
	return written, err
}

// follow opens the file again if its name leads elsewhere, and looks at its end again if somebody
// else changed its size.
func (f *File) follow() error {
	named, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	held, heldErr := f.file.Stat()
	if heldErr != nil {
		return heldErr
	}
	if err != nil || !os.SameFile(named, held) {
		old, syncErr := f.file, f.syncFile()
		if err := f.open(); err != nil {
			return err
		}
		return errors.Join(syncErr, old.Close())
	}
	if f.regular && held.Size() != f.size {
		return f.look(f.file, held)
	}
	return nil
}

// removed reports whether the file that is held has no name left.
func (f *File) removed() bool {
	if !f.regular {
		return false
	}
	info, err := f.file.Stat()
	return err == nil && unlinked(info)
}

// open opens what the path leads to. On an error the file that was held stays.
func (f *File) open() error {
	info, err := os.Stat(f.path)
	created := errors.Is(err, fs.ErrNotExist)
	if err == nil && !info.Mode().IsRegular() && info.Mode()&fs.ModeDevice == 0 {
		return &fs.PathError{Op: "open", Path: f.path, Err: errors.New("neither a regular file nor a device")}
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, f.mode)
	if err != nil {
		return err
	}
	if err := f.adopt(file, created); err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

// adopt makes file the one that is written to.
func (f *File) adopt(file *os.File, created bool) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	regular := info.Mode().IsRegular()
	if regular {
		if info.Mode().Perm()&^f.mode != 0 {
			if err := file.Chmod(info.Mode().Perm() & f.mode); err != nil {
				return err
			}
		}
		if created && f.sync {
			if err := syncFolder(filepath.Dir(f.path)); err != nil {
				return err
			}
		}
		if err := f.look(file, info); err != nil {
			return err
		}
	} else {
		f.torn = false
	}
	f.file, f.regular = file, regular
	return nil
}

// look notes the size of the file, and whether it ends in the middle of a line.
func (f *File) look(file *os.File, info fs.FileInfo) error {
	f.size, f.torn = info.Size(), false
	if f.size == 0 {
		return nil
	}
	last := make([]byte, 1)
	switch _, err := file.ReadAt(last, f.size-1); {
	case errors.Is(err, io.EOF): // truncated since
		f.size = 0
	case err != nil:
		return err
	default:
		f.torn = last[0] != '\n'
	}
	return nil
}

func (f *File) syncFile() error {
	if !f.regular {
		return nil
	}
	return f.file.Sync()
}

// syncFolder makes the name of a new file survive a crash.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
