// An HTTP server on the listening socket at descriptor 3.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	listener, err := net.FileListener(os.NewFile(3, ""))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}

	// Other work, which continues while the server waits for connections.
	go func() {
		ticker := time.Tick(time.Millisecond)
		for range 100 {
			<-ticker
		}
		fmt.Println("100 ticks")
	}()

	server := &http.Server{}
	stopped := make(chan error)
	released := make(chan struct{})

	http.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.PathValue("name"))
	})
	http.HandleFunc("POST /upper", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		io.WriteString(w, strings.ToUpper(string(body)))
	})
	// Replies after a request for /release.
	http.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		<-released
		io.WriteString(w, "released")
	})
	http.HandleFunc("GET /release", func(w http.ResponseWriter, r *http.Request) {
		close(released)
		io.WriteString(w, "releasing")
	})
	http.HandleFunc("GET /stop", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "stopping")
		go func() { stopped <- server.Shutdown(context.Background()) }()
	})

	if err := server.Serve(listener); err != http.ErrServerClosed {
		fmt.Println(err)
		os.Exit(1)
	}
	if err := <-stopped; err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("stopped")
}
