// A C++17 program includes the header twice, links, and uses a stream.
#include "meshkit.h"
#include "meshkit_unstable.h"
#include "meshkit.h"

#include <string_view>

int main() {
  const meshkit_bytes_t version = meshkit_version_string();
  meshkit_events_t *events = nullptr;
  meshkit_event_t *event = nullptr;
  if (std::string_view(version.ptr, version.len).empty()) return 1;
  if (meshkit_events_create(nullptr, &events, nullptr) != MESHKIT_OK) return 2;
  if (meshkit_unstable_events_inject_unknown(events) != MESHKIT_OK) return 3;
  if (meshkit_events_next(events, 0, &event) != MESHKIT_OK) return 4;
  meshkit_event_release(event);
  meshkit_events_release(events);
  return 0;
}
