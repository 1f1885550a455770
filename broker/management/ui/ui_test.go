package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func get(t *testing.T, h http.Handler, url string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(content)
}

func TestPageAndItsFiles(t *testing.T) {
	h := Handler()
	res := get(t, h, "/")
	require.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	assert.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
	page := body(t, res)
	assert.NotContains(t, page, "@files@")
	links := regexp.MustCompile(`(?:src|href)="(files/[^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(links), 5)
	for _, link := range links {
		res := get(t, h, "/"+link[1])
		assert.Equal(t, http.StatusOK, res.StatusCode, link[1])
		assert.Contains(t, res.Header.Get("Cache-Control"), "immutable", link[1])
	}
}

func TestNothingElseIsServed(t *testing.T) {
	h := Handler()
	version := regexp.MustCompile(`files/([0-9a-f]+)/`).FindStringSubmatch(body(t, get(t, h, "/")))[1]
	for _, url := range []string{
		"/js/app.js", "/files/", "/files/0123456789abcdef/js/app.js", "/files/" + version + "/", "/files/" + version + "/js",
		"/files/" + version + "/js/../../../ui.go", "/files/" + version + "//js/app.js", "/files/" + version + "/index.html", "/ui.go", "/api/overview",
	} {
		assert.Equal(t, http.StatusNotFound, get(t, h, url).StatusCode, url)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestCompressionAndTags(t *testing.T) {
	h := Handler()
	plain := get(t, h, "/")
	packed := get(t, h, "/", "Accept-Encoding", "br, gzip")
	assert.Empty(t, plain.Header.Get("Content-Encoding"))
	assert.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	assert.NotEqual(t, plain.Header.Get("ETag"), packed.Header.Get("ETag"))
	z, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	content, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Equal(t, body(t, plain), string(content))
	assert.Equal(t, http.StatusNotModified, get(t, h, "/", "If-None-Match", plain.Header.Get("ETag")).StatusCode)
	assert.Empty(t, get(t, h, "/", "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding"))
	assert.Equal(t, "gzip", get(t, h, "/", "Accept-Encoding", "gzip;q=0.5").Header.Get("Content-Encoding"))
}

func TestFolderInPlaceOfTheEmbeddedPage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/index.html", []byte("first"), 0o600))
	t.Setenv(DirVariable, dir)
	h := Handler()
	assert.Equal(t, "first", body(t, get(t, h, "/")))
	require.NoError(t, os.WriteFile(dir+"/index.html", []byte("second"), 0o600))
	assert.Equal(t, "second", body(t, get(t, h, "/")))
}

// walk calls f with every file of the page.
func walk(t *testing.T, f func(name string, content []byte)) {
	t.Helper()
	require.NoError(t, fs.WalkDir(embedded, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		f(strings.TrimPrefix(name, "static/"), content)
		return err
	}))
}

func TestFilesAreShortAndSelfContained(t *testing.T) {
	foreign := regexp.MustCompile(`(?:src|href)=["']?https?:|@import|import\(?\s*['"]https?:|url\(\s*['"]?https?:`)
	walk(t, func(name string, content []byte) {
		if strings.HasPrefix(name, "vendor/") {
			return
		}
		assert.LessOrEqual(t, bytes.Count(content, []byte("\n")), 400, name)
		assert.NotRegexp(t, foreign, string(content), name)
		if path.Ext(name) == ".js" {
			assert.Regexp(t, `^//|^/\*\*`, string(content), "%s does not say what it is for", name)
			assert.NotContains(t, string(content), "innerHTML", name)
			assert.NotContains(t, string(content), "eval(", name)
		}
	})
}

func TestEveryImportIsThere(t *testing.T) {
	imports := regexp.MustCompile(`(?:from|import)\s*\(?\s*'(\.[^']+)'`)
	walk(t, func(name string, content []byte) {
		if path.Ext(name) != ".js" {
			return
		}
		for _, m := range imports.FindAllStringSubmatch(string(content), -1) {
			if strings.Contains(m[1], "import(") {
				continue
			}
			_, err := fs.Stat(embedded, path.Join("static", path.Dir(name), m[1]))
			assert.NoError(t, err, "%s imports %s", name, m[1])
		}
	})
}

// maxSize is what the whole page may weigh, compressed.
const maxSize = 200 << 10

func TestPageIsSmall(t *testing.T) {
	total := 0
	walk(t, func(name string, content []byte) {
		if path.Ext(name) != ".json" && path.Ext(name) != ".mts" && path.Base(name) != "LICENSE" {
			total += len(compress(sent(name, content)))
		}
	})
	t.Logf("the page is %d bytes, compressed", total)
	assert.Less(t, total, maxSize)
}

func TestModulesAreSentWithoutComments(t *testing.T) {
	const source = "// What it is for.\nimport a from './a.js';\n\n/**\n * @param {string} x\n */\nexport const f = (x) => x; // twice\n" +
		"\t/** @type {any} */\n\tlet y = /** @type {any} */ (f);\n/** one */ f('//');\n"
	const want = "\nimport a from './a.js';\n\n\n\n\nexport const f = (x) => x; // twice\n" +
		"\n\tlet y = /** @type {any} */ (f);\n/** one */ f('//');\n"
	assert.Equal(t, want, string(sent("js/a.js", []byte(source))))
	assert.Equal(t, source, string(sent("vendor/a.js", []byte(source))), "licences stay")
	assert.Equal(t, source, string(sent("css/a.css", []byte(source))))
	walk(t, func(name string, content []byte) {
		assert.Equal(t, bytes.Count(content, []byte("\n")), bytes.Count(sent(name, content), []byte("\n")), "lines of %s", name)
	})
}

// vendored is an entry of vendor/manifest.json: a file that others wrote.
type vendored struct {
	File, Package, Version, License, LicenseFile, Purpose string
	Origin, OriginFile, OriginSHA256, SHA256              string
	Replaced                                              []string
	Appended                                              string
}

func TestVendoredFilesAreWhatTheirManifestSays(t *testing.T) {
	text, err := embedded.ReadFile("static/vendor/manifest.json")
	require.NoError(t, err)
	var manifest []vendored
	require.NoError(t, json.Unmarshal(text, &manifest))
	listed := map[string]bool{"manifest.json": true}
	for _, v := range manifest {
		listed[v.File], listed[v.LicenseFile] = true, true
		assert.Contains(t, v.Origin, "https://registry.npmjs.org/"+v.Package+"/-/", v.File)
		assert.Contains(t, v.Origin, v.Version, v.File)
		assert.NotEmpty(t, v.Purpose, v.File)
		_, err := embedded.ReadFile("static/vendor/" + v.LicenseFile)
		assert.NoError(t, err, v.File)
		content, err := embedded.ReadFile("static/vendor/" + v.File)
		require.NoError(t, err)
		assert.Equal(t, v.SHA256, hash(content), v.File)
		// Undoing what was changed gives the file that was published.
		original := strings.TrimSuffix(string(content), v.Appended)
		if len(v.Replaced) == 2 {
			require.Equal(t, 1, strings.Count(original, v.Replaced[1]), v.File)
			original = strings.Replace(original, v.Replaced[1], v.Replaced[0], 1)
		}
		assert.Equal(t, v.OriginSHA256, hash([]byte(original)), v.File)
	}
	walk(t, func(name string, _ []byte) {
		if rest, ok := strings.CutPrefix(name, "vendor/"); ok {
			assert.True(t, listed[rest] || strings.HasSuffix(rest, ".d.mts"), "the manifest does not list %s", rest)
		}
	})
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
