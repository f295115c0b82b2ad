package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

const body = "Hello\n"

// Serves on the sockets that are passed (that of --probe http:/PATH, too), and drains at SIGINT or SIGTERM.
func main() {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(body))
	})}
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := 3; fd < 3+count; fd++ {
		listener, err := net.FileListener(os.NewFile(uintptr(fd), "socket"))
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if err := server.Serve(listener); err != http.ErrServerClosed {
				log.Fatal(err)
			}
		}()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	ready()
	<-stop
	if err := server.Shutdown(context.Background()); err != nil {
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
