// server ADDRESS: answers /N with N lines of "weir", and POST with what it was sent.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
)

func answer(w http.ResponseWriter, r *http.Request) {
	if r.Method == "POST" {
		// All of it first: HTTP/1 here closes the body once the answer begins.
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			log.Print(err)
		}
		w.Write(sent)
		return
	}
	lines, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		lines = 1
	}
	fmt.Fprint(w, strings.Repeat("weir\n", lines))
}

func main() {
	http.HandleFunc("/", answer)
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
