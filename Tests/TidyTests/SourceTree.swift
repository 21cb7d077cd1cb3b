import Foundation

/// The files of the project, read from the checkout that this test was built from.
enum SourceTree {
  /// The top of the checkout.
  static let root: URL = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A file with its path from the top.
  struct File: Sendable {
    let path: String
    let text: String
    /// The text as rules for code see it; empty for documents.
    let code: SwiftText

    init(path: String, text: String) {
      self.path = path
      self.text = text
      code = SwiftText([".swift", ".c", ".h"].contains(where: path.hasSuffix) ? text : "")
    }

    var name: String { path.split(separator: "/").last.map { String($0) } ?? path }
    /// The folder below `Sources/` that it lies in.
    var module: String? {
      let parts = path.split(separator: "/")
      return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }
  }

  /// All text files of `folders` with one of `suffixes`, in the order of their paths. Build products don't count.
  static func files(in folders: [String], suffixes: [String]) -> [File] {
    var result: [File] = []
    for folder in folders {
      let start = folder == "." ? root : root.appendingPathComponent(folder)
      guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else { continue }
      for case let url as URL in walk {
        let path = String(url.path.dropFirst(root.path.count).drop { $0 == "/" })
        if ignored.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
          walk.skipDescendants()
        } else if suffixes.contains(where: path.hasSuffix), let text = try? String(contentsOf: url, encoding: .utf8) {
          result.append(File(path: path, text: text))
        }
      }
    }
    return result.sorted { $0.path < $1.path }
  }

  /// Everything that is compiled, the tests and the header included.
  static let code = files(in: ["Sources", "Tests", "include"], suffixes: [".swift", ".c", ".h"])
  /// The Swift sources of the product.
  static let swift = code.filter { $0.path.hasPrefix("Sources/") && $0.path.hasSuffix(".swift") }

  private static let ignored = [".build", "build", ".git"]

  static func text(_ path: String) -> String? {
    try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
  }
}
