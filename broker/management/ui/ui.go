// Package ui is the management page: what a browser shows at http://localhost:15672.
//
// The page is files, embedded as they are: no build step, no file from elsewhere. Browsers
// get them without comments. It asks
// the management API for everything, below the folder that it was loaded from, so it works
// under any path prefix.
package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed all:static
var embedded embed.FS

// DirVariable names the environment variable that makes Handler serve the page from a
// folder instead, read anew for each request: for work on the page, with
// broker/management/ui/static.
const DirVariable = "RABBET_UI_DIR"

// policy is the page's content security policy: nothing but its own origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// versioned is the folder of URLs whose content never changes: the next segment is the
// version.
const versioned = "files"

// Handler serves the page at "/" and its files below "/files/". A path prefix must have
// been removed from the request's path. Everything else is not found.
func Handler() http.Handler {
	if dir := os.Getenv(DirVariable); dir != "" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			newSite(os.DirFS(dir)).ServeHTTP(w, r)
		})
	}
	files, err := fs.Sub(embedded, "static")
	if err != nil {
		panic(err) // the name is a constant
	}
	return newSite(files)
}

// A site serves a tree of files. What it has compressed it keeps.
type site struct {
	files   fs.FS
	version string // of all files together

	mu   sync.Mutex
	made map[string]*asset
}

// An asset is a file as it is sent.
type asset struct {
	plain, compressed []byte
	kind, etag        string
}

func newSite(files fs.FS) *site {
	return &site{files: files, version: versionOf(files), made: make(map[string]*asset)}
}

// versionOf is a hash of all names and contents, so that a URL with it can be kept by
// browsers for good.
func versionOf(files fs.FS) string {
	sum := sha256.New()
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			content, _ := fs.ReadFile(files, name)
			sum.Write([]byte(name + "\x00"))
			sum.Write(content)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	name, cache := s.find(r.URL.Path)
	a := s.asset(name)
	if a == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", cache)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	content, tag := a.plain, a.etag
	if len(a.compressed) > 0 && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		content, tag = a.compressed, a.etag+"-gzip"
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// find gives the file for a URL's path, "" for none, and how long browsers may keep it.
func (s *site) find(url string) (name, cache string) {
	switch url {
	case "/", "/index.html":
		return "index.html", "no-cache"
	case "/favicon.ico":
		return "icon.svg", "no-cache"
	}
	rest, ok := strings.CutPrefix(url, "/"+versioned+"/")
	if !ok {
		return "", ""
	}
	version, name, _ := strings.Cut(rest, "/")
	// A page that is older than the program must not get modules of another version: its
	// user is asked to reload.
	if version != s.version || name != path.Clean(name) || name == "index.html" {
		return "", ""
	}
	return name, "public, max-age=31536000, immutable"
}

// asset reads and compresses a file, the first time; nil says that there is none.
func (s *site) asset(name string) *asset {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.made[name]; ok {
		return a
	}
	if !fs.ValidPath(name) || name == "" {
		return nil
	}
	content, err := fs.ReadFile(s.files, name)
	if err != nil {
		return nil
	}
	if name == "index.html" {
		content = bytes.ReplaceAll(content, []byte("@files@"), []byte(versioned+"/"+s.version))
	}
	content = sent(name, content)
	sum := sha256.Sum256(content)
	a := &asset{plain: content, kind: contentType(name), etag: hex.EncodeToString(sum[:12])}
	if compressed := compress(content); len(compressed) < len(content) {
		a.compressed = compressed
	}
	s.made[name] = a
	return a
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = z.Write(content) // to memory
	_ = z.Close()
	return out.Bytes()
}

// contentType does not ask the system's tables: a module of another type is not run.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "text/plain; charset=utf-8"
}

// acceptsGzip reports whether a client takes gzip: a weight of 0 refuses it.
func acceptsGzip(header string) bool {
	for _, coding := range strings.Split(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight := strings.ReplaceAll(params, " ", "")
			return !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}
