package store

import "fmt"

// StageBytes is the size from which on a content is worth Stage.
const StageBytes = 256 << 10

// Stage writes a large content to the disk ahead of the commit that will need it, so
// that the commit, and all who wait for it, need not wait for that. It blocks until the
// disk has it, in steps that leave others their share of the disk, and is for the goroutine that
// is about to hand over a persistent message of at least StageBytes, holding no lock.
// What is staged and then not added is removed once the content has left memory. An
// error changes nothing: the commit writes the content then.
func (s *Store) Stage(content []byte) error {
	if s.stager == nil || len(content) < StageBytes {
		return nil
	}
	return s.stager.Stage(content)
}

// Stage writes a content into a segment of those that are written ahead.
func (d *disk) Stage(content []byte) error {
	bs := &d.bodies
	bs.mu.Lock()
	if bs.known(content) != nil {
		bs.mu.Unlock()
		return nil
	}
	b := &body{bodies: bs, place: bs.files.reserve(&bs.files.staged, content)}
	bs.mu.Unlock()
	if err := d.stage(b, content); err != nil {
		bs.mu.Lock()
		defer bs.mu.Unlock()
		bs.files.free(b.place)
		return fmt.Errorf("store: %w", err)
	}
	bs.mu.Lock()
	bs.byPlace[b.place.position()] = b
	bs.mu.Unlock()
	bs.remember(content, b)
	return nil
}

// stageStep is the number of bytes that are written before others get a turn.
const stageStep = 1 << 20

func (d *disk) stage(b *body, content []byte) error {
	for at := 0; at < len(content); at += stageStep {
		step := content[at:min(at+stageStep, len(content))]
		if err := d.bodies.files.writeAt(b.place, uint64(at), step); err != nil {
			return err
		}
		if d.opts.Sync == SyncAlways {
			if err := d.bodies.files.sync(b.place.segment); err != nil {
				return err
			}
		}
	}
	return nil
}
