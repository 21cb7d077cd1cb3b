import Glibc

// What links cost: CPU of a mutual-TLS QUIC connection, and memory of an idle one. Both ends run in this process.
//
// usage: linkbench CERTIFICATES
// Prints lines of name, unit and values with tabs between them, for bench.py.
exit(LinkBench.main(CommandLine.arguments))
