// The scripts on publishing, consuming and settling.

package conformance

var basicScripts = []Script{}
