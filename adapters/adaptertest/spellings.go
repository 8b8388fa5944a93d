package adaptertest

import (
	"fmt"
	"strings"
)

// spellings of a path that some server takes for the path itself.
func spellings(path string) []string {
	last := path[strings.LastIndex(path, "/")+1:]
	dir := strings.TrimSuffix(path, last)
	return []string{
		strings.ToUpper(path), "/" + path, path + "/", path + "//", dir + "/" + last, dir + "./" + last, dir + "x/../" + last,
		dir + "%2e/" + last, dir + "x/%2e%2e/" + last, strings.Replace(path, "/"+last, "%2f"+last, 1), dir + fmt.Sprintf("%%%02x", last[0]) + last[1:],
		dir + fmt.Sprintf("%%25%02x", last[0]) + last[1:], path + ";x=1", path + ";", dir + ";/" + last, path + "%00", path + "%20", path + "%0d%0a",
		path + ".json", path + ".css", path + "%2f..%2fx", path + "?", path + "%3fx", path + "%23", strings.ReplaceAll(path, "/", `\`), path + "%c0%af", path + "\xef\xbc\x8f",
	}
}
