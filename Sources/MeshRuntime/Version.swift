/// The version of the product; a test holds it equal to the `VERSION` file.
public enum Version {
  /// For people: `MAJOR.MINOR.PATCH`.
  public static let string = "0.1.0"
  /// For code: `major * 10_000 + minor * 100 + patch`.
  public static let number: Int32 = 100
}
