extension Unicode.Scalar {
  /// Whether it would steer a terminal, forge a second line or turn the direction of what stands around it, where a
  /// name or a text that others chose is shown: C0, DEL and C1, the line and paragraph separators, and the directional
  /// marks of Unicode Standard Annex #9.
  public var steersText: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
