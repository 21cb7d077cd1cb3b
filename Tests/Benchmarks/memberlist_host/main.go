// A host of HashiCorp's memberlist that obeys the same commands as mesh_host.c and gives the same answers, so that the
// same measurements can be taken of it, on the same machine and in the same run. It has memberlist's LAN defaults;
// CONFIG is ignored. memberlist tells its host nothing of suspicions.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/hashicorp/memberlist"
)

// Lines are kept in memory while events come thick and fast, and printed when it gets quiet, as in mesh_host.c.
var (
	printing         sync.Mutex
	output           = bufio.NewWriterSize(os.Stdout, 1<<20)
	waiting, checked int
	since            time.Time
)

const (
	quiet       = 20 * time.Millisecond
	printAtLast = 250 * time.Millisecond
)

func now() int64 {
	var moment syscall.Timespec
	const monotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&moment)), 0)
	return moment.Nano()
}

func answer(format string, arguments ...any) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Fprintf(output, format+"\n", arguments...)
	output.Flush()
}

func collect(line string) {
	printing.Lock()
	defer printing.Unlock()
	output.WriteString(line)
	waiting++
	if waiting == 1 {
		since, checked = time.Now(), 0
		time.AfterFunc(quiet, printWhenQuiet)
	}
}

// printWhenQuiet prints what was collected, unless more has come since the last look and none of it has waited long.
func printWhenQuiet() {
	printing.Lock()
	defer printing.Unlock()
	if waiting != checked && time.Since(since) < printAtLast {
		checked = waiting
		time.AfterFunc(quiet, printWhenQuiet)
		return
	}
	output.Flush()
	waiting = 0
}

// node is one member, and the delegate that memberlist asks and tells.
type node struct {
	name             string
	list             *memberlist.Memberlist
	label            atomic.Value
	datagrams, bytes atomic.Uint64
	ended            atomic.Bool
}

func (n *node) heard(kind string, subject *memberlist.Node) {
	if subject.Name == n.name || n.ended.Load() {
		return
	}
	label := string(subject.Meta)
	if label == "" {
		label = "-"
	}
	collect(fmt.Sprintf("event %s %d %s %s 0 0 %s\n", n.name, now(), kind, subject.Name, label))
}

func (n *node) NotifyJoin(subject *memberlist.Node)   { n.heard("joined", subject) }
func (n *node) NotifyLeave(subject *memberlist.Node)  { n.heard("left", subject) }
func (n *node) NotifyUpdate(subject *memberlist.Node) { n.heard("updated", subject) }
func (n *node) NodeMeta(int) []byte                   { return []byte(n.label.Load().(string)) }
func (n *node) NotifyMsg([]byte)                      {}
func (n *node) GetBroadcasts(int, int) [][]byte       { return nil }
func (n *node) LocalState(bool) []byte                { return nil }
func (n *node) MergeRemoteState([]byte, bool)         {}

// counting counts the datagrams that a node sends.
type counting struct {
	*memberlist.NetTransport
	node *node
}

func (c *counting) WriteTo(payload []byte, address string) (time.Time, error) {
	c.node.datagrams.Add(1)
	c.node.bytes.Add(uint64(len(payload)))
	return c.NetTransport.WriteTo(payload, address)
}

func (c *counting) WriteToAddress(payload []byte, address memberlist.Address) (time.Time, error) {
	return c.WriteTo(payload, address.Addr)
}

func (c *counting) DialAddressTimeout(address memberlist.Address, limit time.Duration) (net.Conn, error) {
	return c.DialTimeout(address.Addr, limit)
}

func open(name string, seed string) (*node, error) {
	before := now()
	opened := &node{name: name}
	opened.label.Store("")
	config := memberlist.DefaultLANConfig()
	config.Name, config.BindAddr, config.LogOutput = name, "127.0.0.1", io.Discard
	config.Events, config.Delegate = opened, opened
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{"127.0.0.1"}})
	if err != nil {
		return nil, err
	}
	port := transport.GetAutoBindPort()
	config.BindPort, config.AdvertisePort = port, port
	config.Transport = &counting{transport, opened}
	if opened.list, err = memberlist.Create(config); err != nil {
		return nil, err
	}
	answer("opened %s %d %d %d", name, before, now(), port)
	if seed != "" {
		go func() {
			for _, err := opened.list.Join([]string{seed}); err != nil; _, err = opened.list.Join([]string{seed}) {
				time.Sleep(50 * time.Millisecond)
			}
		}()
	}
	return opened, nil
}

func (n *node) kill() {
	n.ended.Store(true)
	before := now()
	n.list.Shutdown()
	answer("killed %s %d %d", n.name, before, now())
}

func (n *node) leave() {
	n.ended.Store(true)
	before := now()
	n.list.Leave(30 * time.Second)
	n.list.Shutdown()
	answer("left %s %d %d", n.name, before, now())
}

func (n *node) setLabel(value string) {
	n.label.Store(value)
	before := now()
	go n.list.UpdateNode(30 * time.Second)
	answer("labelled %s %d %d", n.name, before, now())
}

func usage() {
	const processCPUTime = 2 // CLOCK_PROCESS_CPUTIME_ID, which is exact; getrusage counts in ticks of the kernel
	var used syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&used)), 0)
	answer("usage %d", used.Nano()/1000)
}

func main() {
	nodes := map[string]*node{}
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		words := append(strings.Fields(input.Text()), "", "", "", "")
		verb, name := words[0], words[1]
		subject := nodes[name]
		switch {
		case verb == "usage":
			usage()
		case verb == "open":
			opened, err := open(name, words[3])
			if err != nil {
				answer("failed %s %v", name, err)
			}
			nodes[name] = opened
		case subject == nil:
			answer("failed %s there is no such node", name)
		case verb == "kill":
			subject.kill()
		case verb == "leave":
			subject.leave()
		case verb == "label":
			subject.setLabel(words[2])
		case verb == "view":
			answer("view %s %d 0 0", name, subject.list.NumMembers())
		case verb == "stats":
			answer(`stats %s {"transport":{"datagramsSent":%d,"bytesSent":%d,"links":0}}`, name, subject.datagrams.Load(),
				subject.bytes.Load())
		}
	}
}
