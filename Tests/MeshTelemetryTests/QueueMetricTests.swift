import MeshBasics
import Testing

@testable import MeshTelemetry

private func lines(_ telemetry: Telemetry, _ queues: [QueueFigures]) -> [String] {
  String(decoding: telemetry.prometheusText(queues: queues), as: UTF8.self).split(separator: "\n").map(String.init)
}

@Test func queuesHaveHugosAndOmniRelaysMetricsAndOurs() {
  let telemetry = Telemetry()
  var jobs = QueueFigures(name: "jobs")
  (jobs.pending, jobs.delayed, jobs.leased, jobs.dead) = (4, 3, 2, 1)
  (jobs.enqueued, jobs.granted, jobs.completed, jobs.heartbeats) = (10, 9, 8, 7)
  (jobs.failed, jobs.expired, jobs.requeued, jobs.redelivered, jobs.deadLettered) = (6, 5, 4, 3, 2)
  (jobs.oldestAge, jobs.isOverloaded) = (.milliseconds(1_500), true)
  jobs.leaseDurations = ([1, 5], [1, 2, 3], .milliseconds(70))
  _ = telemetry.record(.queueAttached("jobs"))
  _ = telemetry.record(.queueSampled("jobs", pending: 4, leased: 2))
  _ = telemetry.record(
    .backpressureChanged(queue: "jobs", isActive: true, pending: 4, high: 4, low: 2, after: .seconds(2)))
  let text = lines(telemetry, [jobs])
  for line in [
    #"taskqueue_enqueued_items_total{taskqueue_name="jobs"} 10"#,
    #"taskqueue_leased_leases_total{taskqueue_name="jobs"} 9"#,
    #"taskqueue_completed_leases_total{taskqueue_name="jobs"} 8"#,
    #"taskqueue_heartbeats_leases_total{taskqueue_name="jobs"} 7"#,
    #"taskqueue_failed_leases_total{taskqueue_name="jobs"} 6"#,
    #"taskqueue_expired_leases_total{taskqueue_name="jobs"} 5"#,
    #"taskqueue_requeued_items_total{taskqueue_name="jobs"} 4"#,
    #"taskqueue_redeliveries_total{taskqueue_name="jobs"} 3"#,
    #"taskqueue_deadlettered_items_total{taskqueue_name="jobs"} 2"#,
    #"taskqueue_pending_items{taskqueue_name="jobs"} 4"#, #"taskqueue_delayed_items{taskqueue_name="jobs"} 3"#,
    #"taskqueue_active_leases{taskqueue_name="jobs"} 2"#, #"taskqueue_dead_letters{taskqueue_name="jobs"} 1"#,
    #"taskqueue_oldest_age_seconds{taskqueue_name="jobs"} 1.5"#,
    #"taskqueue_lease_duration_ms_bucket{taskqueue_name="jobs",le="5"} 3"#,
    #"taskqueue_lease_duration_ms_count{taskqueue_name="jobs"} 6"#,
    #"taskqueue_lease_duration_ms_sum{taskqueue_name="jobs"} 70"#,
    #"taskqueue_pending_depth_items_bucket{taskqueue_name="jobs",le="4"} 1"#,
    #"taskqueue_active_depth_leases_sum{taskqueue_name="jobs"} 2"#,
    #"hugo_taskqueue_backpressure_active_queues{taskqueue_name="jobs"} 1"#,
    #"hugo_taskqueue_backpressure_pending_sum{taskqueue_name="jobs"} 4"#,
    #"hugo_taskqueue_backpressure_duration_ms_sum{taskqueue_name="jobs"} 2000"#,
    #"hugo_taskqueue_backpressure_transitions_total{taskqueue_name="jobs"} 1"#,
    #"omnirelay_resourcelease_backpressure_transitions_events_total{state="active"} 1"#,
    #"omnirelay_resourcelease_backpressure_transitions_events_total{state="inactive"} 0"#,
    "omnirelay_resourcelease_pending_items_count 1", "omnirelay_resourcelease_active_leases_sum 2",
  ] {
    #expect(text.contains(line), "\(line)")
  }
  _ = telemetry.record(.queueDetached("jobs", reason: "detached"))
  #expect(!lines(telemetry, []).contains { $0.contains("taskqueue_name=") })
}

@Test func noMoreQueuesHaveSeriesThanMayBeAttached() {
  let telemetry = Telemetry()
  for number in 0...MetricTable.queuesMax {
    _ = telemetry.record(.queueAttached("q\(number)"))
    _ = telemetry.record(.queueSampled("q\(number)", pending: 1, leased: 0))
  }
  let counts = lines(telemetry, []).filter { $0.hasPrefix("taskqueue_pending_depth_items_count") }
  #expect(counts.count == MetricTable.queuesMax)
  #expect(lines(telemetry, []).contains("omnirelay_resourcelease_pending_items_count 65"))
}

@Test func queuesThatAreAttachedInALoopFillNoLog() {
  let telemetry = Telemetry()
  var records = 0
  for number in 0..<1_000 {
    for observation in [Observation.queueAttached("q\(number)"), .queueDetached("q\(number)", reason: "detached")] {
      records += telemetry.record(observation) == nil ? 0 : 1
    }
  }
  #expect(records <= 2 * (RepeatLimiter.causesPerKindMax + 1))
}
