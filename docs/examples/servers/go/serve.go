package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
)

const body = "Hello\n"

// Takes the socket that is descriptor 3, and drains at SIGINT.
func main() {
	listener, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(body))
	})}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	drained := make(chan error)
	go func() {
		<-stop
		drained <- server.Shutdown(context.Background())
	}()
	ready()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-drained; err != nil {
		log.Fatal(err)
	}
}

// Says READY=1: sd_notify(3).
func ready() {
	systemd, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		log.Fatal(err)
	}
	defer systemd.Close()
	systemd.Write([]byte("READY=1"))
}
