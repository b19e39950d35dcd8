// Two gVisor netstacks in one process joined by its own memory pipe: the workloads of sockets/. A goroutine for each end, one
// processor. WORKLOAD is bulk, round_trips, connections (normal close only) or idle; arguments are as there.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	nic  = 1
	port = 100
)

var (
	clientAddress = tcpip.Address(net.IPv4(10, 0, 0, 1).To4())
	serverAddress = tcpip.Address(net.IPv4(10, 0, 0, 2).To4())
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func mustTCPIP(err tcpip.Error) {
	if err != nil {
		must(fmt.Errorf("%s", err))
	}
}

func argument(name, otherwise string) string {
	for _, word := range os.Args[1:] {
		if strings.HasPrefix(word, name+"=") {
			return word[len(name)+1:]
		}
	}
	return otherwise
}

func number(name string, otherwise float64) float64 {
	text := argument(name, "")
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 64)
	must(err)
	return value
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) * 1e-9
}

func newStack(link stack.LinkEndpoint, address tcpip.Address) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	mustTCPIP(s.CreateNIC(nic, link))
	mustTCPIP(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	mustTCPIP(s.SetPortRange(1024, 65535))
	sack := tcpip.TCPSACKEnabled(true)
	mustTCPIP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	return s
}

type pair struct {
	client, server *stack.Stack
	listener       *gonet.TCPListener
}

func newPair(mtu uint32) *pair {
	a, b := pipe.New("\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", mtu)
	p := &pair{client: newStack(a, clientAddress), server: newStack(b, serverAddress)}
	listener, err := gonet.ListenTCP(p.server, tcpip.FullAddress{NIC: nic, Port: port}, ipv4.ProtocolNumber)
	must(err)
	p.listener = listener
	return p
}

func (p *pair) connect() (client *gonet.TCPConn, server net.Conn) {
	client, err := gonet.DialTCP(p.client, tcpip.FullAddress{NIC: nic, Addr: serverAddress, Port: port}, ipv4.ProtocolNumber)
	must(err)
	server, err = p.listener.Accept()
	must(err)
	return client, server
}

// Lets the goroutines work until so much processor time is gone, and returns how much it was.
func spend(seconds float64) float64 {
	start := cpuSeconds()
	wall := time.Now()
	for cpuSeconds() < start+seconds && time.Since(wall).Seconds() < 20*seconds+5 {
		time.Sleep(time.Duration(seconds * 0.05 * float64(time.Second)))
	}
	return cpuSeconds() - start
}

func bulk(seconds float64) {
	p := newPair(uint32(number("mtu", 1500)))
	client, server := p.connect()
	var received uint64
	go func() {
		data := make([]byte, 65536)
		for {
			if _, err := client.Write(data); err != nil {
				return
			}
		}
	}()
	go func() {
		data := make([]byte, 1<<20)
		for {
			n, err := server.Read(data)
			if err != nil {
				return
			}
			atomic.AddUint64(&received, uint64(n))
		}
	}()
	spend(seconds * 0.1)
	before := atomic.LoadUint64(&received)
	cpu := spend(seconds)
	rate := float64(atomic.LoadUint64(&received)-before) / cpu
	fmt.Printf("{\"cpu_s\": %g, \"gbit_per_s\": %g, \"segments_per_s\": %g}\n", cpu, rate*8e-9, rate/1448)
}

func answer(c net.Conn, bytes int) {
	data := make([]byte, bytes)
	for {
		if _, err := io.ReadFull(c, data); err != nil {
			return
		}
		if _, err := c.Write(data); err != nil {
			return
		}
	}
}

func ask(c net.Conn, bytes int, answers *uint64) {
	data := make([]byte, bytes)
	for {
		if _, err := c.Write(data); err != nil {
			return
		}
		if _, err := io.ReadFull(c, data); err != nil {
			return
		}
		atomic.AddUint64(answers, 1)
	}
}

func roundTrips(seconds float64, connections, bytes int) {
	p := newPair(1500)
	var answers uint64
	clients := make([]net.Conn, connections)
	for i := range clients {
		client, server := p.connect()
		clients[i] = client
		go answer(server, bytes)
	}
	for _, client := range clients {
		go ask(client, bytes, &answers)
	}
	spend(seconds * 0.1)
	before := atomic.LoadUint64(&answers)
	cpu := spend(seconds)
	fmt.Printf("{\"cpu_s\": %g, \"round_trips_per_s\": %g}\n", cpu, float64(atomic.LoadUint64(&answers)-before)/cpu)
}

// The client closes first; TIME-WAIT is as short as gVisor allows, so that few connections are in it.
func connections(seconds float64) {
	p := newPair(1500)
	timeWait := tcpip.TCPTimeWaitTimeoutOption(time.Millisecond)
	mustTCPIP(p.client.SetTransportProtocolOption(tcp.ProtocolNumber, &timeWait))
	start := cpuSeconds()
	done := 0
	for ; cpuSeconds() < start+seconds; done++ {
		client, server := p.connect()
		client.Close()
		data := make([]byte, 1)
		server.Read(data)
		server.Close()
	}
	cpu := cpuSeconds() - start
	fmt.Printf("{\"cpu_s\": %g, \"connections_per_s\": %g}\n", cpu, float64(done)/cpu)
}

func residentBytes() float64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	must(err)
	return pages * float64(os.Getpagesize())
}

// Memory of an end of a connection that has nothing to do.
func idle(count int) {
	p := newPair(1500)
	kept := make([]net.Conn, 0, 2*count)
	var before float64
	for i := 0; i < count; i++ {
		if i == count/10 {
			before = residentBytes()
		}
		client, server := p.connect()
		kept = append(kept, client, server)
	}
	bytes := (residentBytes() - before) / float64(count-count/10) / 2
	fmt.Printf("{\"resident_bytes\": %g}\n", bytes)
	runtime.KeepAlive(kept)
}

func main() {
	runtime.GOMAXPROCS(1)
	seconds := number("seconds", 1)
	switch argument("workload", "") {
	case "bulk":
		bulk(seconds)
	case "round_trips":
		roundTrips(seconds, int(number("connections", 1)), int(number("bytes", 64)))
	case "connections":
		connections(seconds)
	case "idle":
		idle(int(number("connections", 1000)))
	default:
		must(fmt.Errorf("gvisor workload=bulk|round_trips|connections|idle ..."))
	}
}
