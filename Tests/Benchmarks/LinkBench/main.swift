import Glibc

// What links cost: CPU of a mutual-TLS QUIC connection, datagrams of a request, and memory of an idle link. Both ends
// run in this process.
//
// usage: linkbench FOLDER
// Issues its certificates in FOLDER, which must exist.
// Prints lines of name, unit and values with tabs between them, for bench.py.
exit(LinkBench.main(CommandLine.arguments))
