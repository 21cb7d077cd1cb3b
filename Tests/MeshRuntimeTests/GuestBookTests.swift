import MeshBasics
import MeshGossipV1
import MeshMembership
import MeshWire
import Testing

@testable import MeshRuntime

/// Makes guests and their events, which only the room can, by letting a v1 node speak with it.
private struct Guests {
  private var room: GossipV1
  private var now = Instant.origin
  let node: NodeID

  init() throws {
    let own = try #require(Endpoint(parsing: "10.0.0.1:17421"))
    node = try #require(NodeID("old"))
    room = GossipV1(
      configuration: GossipV1Configuration(
        nodeID: try #require(NodeID("bridge")), endpoint: own, metadata: NodeMetadata()), seed: 1)
    handle(.started)
  }

  mutating func wait(_ time: Duration) { now = now + time }

  @discardableResult
  mutating func handle(_ input: GossipV1Input) -> [GuestEvent] {
    var effects = GossipV1Effects()
    room.handle(input, now: now, unixTicks: 0, into: &effects)
    return effects.list.compactMap { if case .notify(let event) = $0 { event } else { nil } }
  }

  /// What the node's next message makes of it.
  @discardableResult
  mutating func speak(_ status: V1Status = .alive, role: String = "worker") throws -> [GuestEvent] {
    var metadata = NodeMetadata()
    metadata.role = role
    let profile = V1Profile(nodeID: node, metadata: metadata, endpoint: Endpoint(parsing: "10.0.0.2:17421"))
    var envelope = V1Envelope(sender: profile)
    envelope.members = [V1Member(profile: profile, status: status)]
    return handle(.called(RequestID(rawValue: 1), V1Call(.envelope(envelope)), identity: nil))
  }

  /// The one change that comes of its next message.
  mutating func change(_ status: V1Status = .alive, role: String = "worker") throws -> GuestEvent {
    let events = try speak(status, role: role)
    #expect(events.count == 1)
    return try #require(events.first)
  }

  mutating func join(_ book: inout GuestBook) throws { _ = book.note(try change()) }

  mutating func migrate() throws -> GuestEvent {
    let resident = Resident(nodeID: node, state: .alive, metadata: NodeMetadata(), endpoint: nil)
    let events = handle(.residentChanged(resident))
    return try #require(events.first)
  }

  var views: [GuestView] { room.guestViews }
}

private func member(_ node: NodeID, _ status: MemberStatus) -> MemberView {
  MemberView(
    nodeID: node, status: status, isDead: false, epoch: 7, incarnation: 0, metadata: NodeMetadata(), lastHeard: nil,
    roundTrip: nil, isLocal: false)
}

@Test func aGuestIsListedWithoutEpochAndWithItsEndpoint() throws {
  var guests = try Guests()
  var book = GuestBook()
  let joined = try guests.change()
  let event = book.note(joined)
  #expect(event?.kind == .joined && event?.correlation == joined.correlation)
  let view = try #require(book.view(of: guests.node, member: nil))
  #expect((view.epoch, view.metadata.endpoint, view.status) == (0, "10.0.0.2:17421", .alive))
  var changes = book.takeChanges()
  #expect(changes == [guests.node])
  changes = book.takeChanges()
  #expect(changes.isEmpty)
}

@Test func aNameBelongsToTheMemberWhileItLivesAndElseToTheGuest() throws {
  var guests = try Guests()
  var book = GuestBook()
  try guests.join(&book)
  #expect(book.view(of: guests.node, member: member(guests.node, .suspect))?.epoch == 7)
  #expect(book.view(of: guests.node, member: member(guests.node, .left))?.epoch == 0)
}

@Test func aMigratedNodeIsUpdatedAndNeitherLeavesNorJoins() throws {
  var guests = try Guests()
  var book = GuestBook()
  try guests.join(&book)
  let joined = MembershipEvent(kind: .joined, member: member(guests.node, .alive), correlation: 3)
  #expect(book.told(joined).kind == .updated)
  let migrated = try guests.migrate()
  #expect(migrated.kind == .migrated)
  let told = book.note(migrated)
  #expect(told == nil)
  #expect(book.view(of: guests.node, member: nil) == nil)
  #expect(book.told(joined).kind == .joined)
}

@Test func guestsAreCountedBesideMembersAndANameOnce() throws {
  var guests = try Guests()
  var book = GuestBook()
  book.count(alive: 2, suspect: 1, left: 1)
  #expect(book.counted { _ in .left } == .membersCounted(alive: 2, suspect: 1, left: 1))
  try guests.join(&book)
  #expect(book.counted { _ in nil } == .membersCounted(alive: 3, suspect: 1, left: 1))
  #expect(book.counted { _ in .left } == .membersCounted(alive: 3, suspect: 1, left: 0))
  // It was migrated, and its guest isn't gone yet.
  #expect(book.counted { _ in .alive } == .membersCounted(alive: 2, suspect: 1, left: 1))
  let left = try guests.change(.left)
  let told = book.note(left)
  #expect(told?.kind == .left && told?.member.isDead == false)
  #expect(book.counted { _ in nil } == .membersCounted(alive: 2, suspect: 1, left: 2))
}

@Test func ofAGuestThatIsNotListedTheFirstThatIsToldIsItsComing() throws {
  var guests = try Guests()
  // Its coming was lost among many changes.
  _ = try guests.change()
  guests.wait(.seconds(2))
  let updated = try guests.change(role: "gateway")
  #expect(updated.kind == .updated)
  var book = GuestBook()
  var told = book.note(updated)
  #expect(told?.kind == .joined)
  told = book.note(updated)
  #expect(told?.kind == .updated)
}

@Test func aStatusIsTakenFromItsEventAlone() throws {
  var guests = try Guests()
  var book = GuestBook()
  try guests.join(&book)
  let left = try guests.change(.left)
  book.note(heard: guests.views)
  #expect(book.view(of: guests.node, member: nil)?.status == .alive)
  let told = book.note(left)
  #expect(told?.kind == .left && book.view(of: guests.node, member: nil)?.status == .left)
}

@Test func whenAGuestWasHeardIsAChangeOnceAndNoEvent() throws {
  var guests = try Guests()
  var book = GuestBook()
  try guests.join(&book)
  _ = book.takeChanges()
  book.note(heard: guests.views)
  var changes = book.takeChanges()
  #expect(changes.isEmpty)
  guests.wait(.seconds(1))
  guests.handle(.deadlineReached)
  try guests.speak()
  book.note(heard: guests.views)
  changes = book.takeChanges()
  #expect(changes == [guests.node])
  #expect(book.view(of: guests.node, member: nil)?.lastHeard == .origin + .seconds(1))
}

@Test func aGuestLivesAtTheEndpointThatItTellsUntilItHasLeft() throws {
  var guests = try Guests()
  var book = GuestBook()
  #expect(!book.live(at: "10.0.0.2:17421"))
  try guests.join(&book)
  #expect(book.live(at: "10.0.0.2:17421") && !book.live(at: "10.0.0.2:17422"))
  _ = book.note(try guests.change(.left))
  #expect(!book.live(at: "10.0.0.2:17421"))
}
