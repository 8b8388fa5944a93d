package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

// The page is built from web/src, and the result is kept in git, so that running the program needs Go alone.
//
//go:embed web/dist
var dist embed.FS

// siteFile is one file of the page, with all that does not depend on who asks for it.
type siteFile struct {
	body, gzipped []byte
	headers       map[string]string
}

// pageHeaders let the page load its own script and style and talk to its own origin, and nothing else: a script
// that somebody manages to inject does not run, and has nowhere to send what it finds (ASVS 3.4.3).
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	"X-Content-Type-Options":     "nosniff",
	"Referrer-Policy":            "same-origin",
	"Cross-Origin-Opener-Policy": "same-origin",
}

var siteTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
}

// site is the files of the page by their paths.
var site = sync.OnceValue(func() map[string]*siteFile {
	files := map[string]*siteFile{}
	err := fs.WalkDir(dist, "web/dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		f := &siteFile{body: body, gzipped: zipped(body), headers: map[string]string{
			"Content-Type": siteTypes[path.Ext(name)],
			"ETag":         `W/"` + hex.EncodeToString(sum[:8]) + `"`, // weak: with gzip and without are the same
			"Vary":         "Accept-Encoding",
			// The names of assets hold a hash of what is in them.
			"Cache-Control": "public, max-age=31536000, immutable",
		}}
		for header, value := range pageHeaders {
			f.headers[header] = value
		}
		at := strings.TrimPrefix(name, "web/dist")
		if at == "/index.html" {
			at, f.headers["Cache-Control"] = "/", "no-cache"
		}
		files[at] = f
		return nil
	})
	if err != nil {
		panic("adminpanel: the embedded page: " + err.Error()) // what is embedded can be read
	}
	return files
})

func zipped(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that exists
	_, _ = w.Write(body)
	_ = w.Close() // a buffer takes everything
	return b.Bytes()
}

// answer is the file as the client wants it: header returns a header of the request, set sets one of the answer.
func (f *siteFile) answer(header func(name string) string, set func(name, value string)) (status int, body []byte) {
	for name, value := range f.headers {
		set(name, value)
	}
	if tag := header("If-None-Match"); tag != "" && strings.Contains(tag, f.headers["ETag"]) {
		return http.StatusNotModified, nil
	}
	if takesGzip(header("Accept-Encoding")) {
		set("Content-Encoding", "gzip")
		return http.StatusOK, f.gzipped
	}
	return http.StatusOK, f.body
}

func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, quality, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if name == "gzip" {
			return strings.Trim(strings.TrimPrefix(quality, "q="), "0.") != "" || quality == ""
		}
	}
	return false
}
