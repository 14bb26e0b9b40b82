// Opens a signed note with a verifier key, prints how many signatures it knows and does not know, and signs the
// same text again with a signer key. The new note goes to standard output.
package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
)

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	content, err := io.ReadAll(os.Stdin)
	check(err)
	opened, err := note.Open(content, note.VerifierList(verifier))
	check(err)
	fmt.Fprintln(os.Stderr, len(opened.Sigs), len(opened.UnverifiedSigs))
	signer, err := note.NewSigner(os.Args[2])
	check(err)
	signed, err := note.Sign(&note.Note{Text: opened.Text}, signer)
	check(err)
	os.Stdout.Write(signed)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
