package uitest

import (
	"testing"
)

func TestShovels(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "from", nil)
	p := open(t, r.url)
	p.enter()
	p.visit("#/shovels")
	p.see("No shovels")
	p.visit("#/shovels?add=true")
	p.typeInto("Name", "mover")
	p.typeInto("Source", "from")
	p.typeInto("Destination", "to")
	p.press("Add the shovel")
	p.see("Shovel mover is there.")
	p.see("running")
	p.sound("#/shovels")
	p.visit("#/shovels?add=true")
	p.typeInto("Name", "broken")
	p.typeInto("Source", "from")
	p.typeInto("Source URI", "http://x")
	p.allow("/api/parameters/shovel")
	p.press("Add the shovel")
	p.see("not a valid URI")
}
