import Glibc

exit(Command(output: .process).run(Array(CommandLine.arguments.dropFirst())).rawValue)
