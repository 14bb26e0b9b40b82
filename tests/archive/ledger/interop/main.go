// Reads a copy of a ledger with golang.org/x/mod/sumdb, which shares no code with Earwitness.
//
// The folder has key.txt, checkpoint.txt, older/*, tile/…, proofs/page.json and consistency.json. Go computes every
// tile and proof anew, from the leaves in the entry bundles, and compares. It ends with 1 at the first difference.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	folder   string
	verifier note.Verifier
)

func main() {
	log.SetFlags(0)
	folder = os.Args[1]
	vkey := strings.Split(string(read("key.txt")), "\n")[0]
	var err error
	verifier, err = note.NewVerifier(vkey)
	check(err, "the key")
	tree := open(read("checkpoint.txt"))
	compareTiles(tree)
	reader := tlog.TileHashReader(tree, tiles{})
	checkProofs(tree, reader)
	checkConsistency(tree, reader)
	fmt.Println("Go agrees")
}

// open verifies a checkpoint as a signed note, and reads its three lines.
func open(text []byte) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err, "the checkpoint")
	lines := strings.Split(opened.Text, "\n")
	require(len(lines) == 4 && lines[0] == verifier.Name(), "the lines of the checkpoint")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "the size")
	root, err := tlog.ParseHash(lines[2])
	check(err, "the root")
	return tlog.Tree{N: size, Hash: root}
}

// tiles reads tiles where C2SP's tlog-tiles has them: paths without the height, which is always 8.
type tiles struct{}

func (tiles) Height() int { return 8 }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		found = append(found, read(path(tile)))
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func path(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

// compareTiles computes the tree from the leaves alone, and compares each tile with the one that was served.
func compareTiles(tree tlog.Tree) {
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for number := int64(0); number < tree.N; {
		width := tree.N - number
		if width > 256 {
			width = 256
		}
		bundle := read(path(tlog.Tile{H: 8, L: -1, N: number / 256, W: int(width)}))
		for ; width > 0; width, number = width-1, number+1 {
			length := int(binary.BigEndian.Uint16(bundle))
			added, err := tlog.StoredHashes(number, bundle[2:2+length], hashes)
			check(err, "a leaf")
			stored, bundle = append(stored, added...), bundle[2+length:]
		}
		require(len(bundle) == 0, "the end of a bundle")
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	check(err, "the root of the leaves")
	require(root == tree.Hash, "the root of the leaves")
	whole := map[tlog.Tile]tlog.Tile{}
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		place := tile
		place.W = 0
		if whole[place].W < tile.W {
			whole[place] = tile
		}
	}
	for _, tile := range whole {
		expected, err := tlog.ReadTileData(tile, hashes)
		check(err, "a tile")
		require(bytes.Equal(expected, read(path(tile))), path(tile))
	}
}

type answer struct {
	Leaf  []byte
	Proof string
	Rows  []struct {
		Index int64
		Row   []byte
		Proof []string
	}
}

func checkProofs(tree tlog.Tree, reader tlog.HashReader) {
	var page []answer
	check(json.Unmarshal(read("proofs/page.json"), &page), "the page of proofs")
	require(len(page) > 0, "the page of proofs")
	for _, one := range page {
		parts := strings.SplitN(one.Proof, "\n\n", 2)
		lines := strings.Split(parts[0], "\n")
		require(lines[0] == "c2sp.org/tlog-proof@v1", "the first line of a proof")
		index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
		check(err, "the index of a proof")
		var proof tlog.RecordProof
		for _, line := range lines[2:] {
			hash, err := tlog.ParseHash(line)
			check(err, "a hash of a proof")
			proof = append(proof, hash)
		}
		then := open([]byte(parts[1]))
		check(tlog.CheckRecord(proof, then.N, then.Hash, index, tlog.RecordHash(one.Leaf)), "a proof")
		if then.N == tree.N {
			expected, err := tlog.ProveRecord(tree.N, index, reader)
			check(err, "a proof from tiles")
			require(len(proof) == len(expected) && (len(proof) == 0 || reflect.DeepEqual(proof, expected)), "a proof")
		}
		checkRows(one)
	}
}

func checkRows(one answer) {
	var leaf struct {
		Rows     int64
		RowsRoot string
	}
	check(json.Unmarshal(one.Leaf, &leaf), "a leaf")
	for _, row := range one.Rows {
		proof := tlog.RecordProof(hashes(row.Proof))
		hash := tlog.RecordHash(row.Row)
		check(tlog.CheckRecord(proof, leaf.Rows, hashes([]string{leaf.RowsRoot})[0], row.Index, hash), "a row")
	}
}

func checkConsistency(tree tlog.Tree, reader tlog.HashReader) {
	var answers []struct {
		From, To int64
		Hashes   []string
	}
	check(json.Unmarshal(read("consistency.json"), &answers), "the answers about consistency")
	require(len(answers) > 0, "the answers about consistency")
	for _, one := range answers {
		older := open(read(fmt.Sprintf("older/%d.txt", one.From)))
		proof := tlog.TreeProof(hashes(one.Hashes))
		check(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash), "a proof of consistency")
		expected, err := tlog.ProveTree(tree.N, older.N, reader)
		check(err, "a proof of consistency from tiles")
		require(reflect.DeepEqual(proof, expected), "a proof of consistency")
	}
}

func hashes(texts []string) []tlog.Hash {
	var found []tlog.Hash
	for _, text := range texts {
		data, err := hex.DecodeString(text)
		check(err, "a hash")
		hash, err := tlog.ParseHash(base64.StdEncoding.EncodeToString(data))
		check(err, "a hash")
		found = append(found, hash)
	}
	return found
}

func read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, name))
	check(err, name)
	return data
}

func check(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func require(holds bool, what string) {
	if !holds {
		log.Fatalf("%s: differs", what)
	}
}
