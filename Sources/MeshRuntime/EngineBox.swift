import MeshEngine

/// Carries an engine onto its thread.
struct EngineBox: Sendable {
  let engine: Engine
  init(_ engine: Engine) { self.engine = engine }
}
