/* Calls every function of the header through libffi, with every mix of NULL, garbage, stale, foreign and live arguments
 * that C allows to be wrong, all in one process. Nothing may crash, and garbage must be answered with an error. */
#include <dlfcn.h>
#include <ffi.h>

#include "support.h"

enum kind {
  ARG_I32 = 1, ARG_U32, ARG_I64, ARG_U64, ARG_TIMEOUT, ARG_LENGTH, ARG_CHARS, ARG_BYTES, ARG_OUT, ARG_STRUCT, ARG_EVENT,
  ARG_CONFIG, ARG_EVENTS, ARG_QUEUE, ARG_BACKPRESSURE, ARG_GATE, ARG_PUMP, ARG_NODE, ARG_MEMBERS, ARG_ERROR,
  ARG_DEAD_LETTERS, ARG_TEXT, RET_VOID, RET_STATUS, RET_I32, RET_I64, RET_U64, RET_BYTES
};
struct entry {
  const char *name;
  enum kind returns;
  unsigned count;
  enum kind arguments[8];
};
#include "table.h"

union value {
  void *pointer;
  int32_t i32;
  uint32_t u32;
  int64_t i64;
  uint64_t u64;
  meshkit_bytes_t bytes;
  char room[64];
};

/* Big enough for whatever is written through an out-parameter or read through a struct. */
static uint64_t scratch[2048];
static uint64_t structs[4][512];
static const char text[] = "mesh:gossip:fanout \xff\x00 rest";

static meshkit_config_t *make_config(void) {
  meshkit_config_t *config = NULL;
  CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK);
  return config;
}

static meshkit_queue_t *make_queue(void) {
  meshkit_queue_t *queue = NULL;
  CHECK(meshkit_queue_create("ffi", 3, NULL, &queue, NULL) == MESHKIT_OK);
  return queue;
}

/* It keeps its queue alive. */
static meshkit_backpressure_t *make_monitor(void) {
  meshkit_backpressure_options_t options = {.struct_size = sizeof options, .high_watermark = 2};
  meshkit_backpressure_t *monitor = NULL;
  meshkit_queue_t *queue = make_queue();
  CHECK(meshkit_backpressure_create(queue, &options, &monitor, NULL) == MESHKIT_OK);
  meshkit_queue_release(queue);
  return monitor;
}

static meshkit_gate_t *make_gate(void) {
  meshkit_gate_options_t options = {.struct_size = sizeof options, .normal = {MESHKIT_GATE_CONCURRENCY, 2, 0, 0, 0}};
  meshkit_gate_t *gate = NULL;
  CHECK(meshkit_gate_create(&options, &gate, NULL) == MESHKIT_OK);
  return gate;
}

/* All from one queue to one stream, which is read so that it has places. */
static meshkit_pump_t *make_pump(void) {
  static meshkit_events_t *events;
  static meshkit_queue_t *queue;
  meshkit_event_t *event;
  meshkit_pump_t *pump = NULL;
  if (!events) events = new_events();
  if (!queue) queue = make_queue();
  while (meshkit_events_next(events, 0, &event) == MESHKIT_OK) meshkit_event_release(event);
  CHECK(meshkit_pump_create(queue, events, NULL, &pump, NULL) == MESHKIT_OK);
  return pump;
}

/* How many values there are for an argument of a kind. */
static unsigned choices(enum kind kind) {
  switch (kind) {
    case ARG_I32: case ARG_U32: case ARG_I64: case ARG_U64: return 5;
    case ARG_TIMEOUT: return 2;
    case ARG_LENGTH: case ARG_BYTES: return 4;
    case ARG_CHARS: case ARG_OUT: return 2;
    case ARG_STRUCT: return 5;
    case ARG_EVENT: return 3;
    case ARG_CONFIG: case ARG_EVENTS: case ARG_QUEUE: case ARG_BACKPRESSURE: case ARG_GATE: case ARG_PUMP: return 7;
    default: return 6;
  }
}

/* Choice 0 to 5 of a handle can't be live; 6 is. */
static void *handle(enum kind kind, unsigned choice, void **live) {
  switch (choice) {
    case 0: return NULL;
    case 1: return (void *)1;
    case 2: return (void *)-1;
    case 3: return (void *)0x00007fffdeadbee7; /* looks like a pointer */
    case 4: { /* stale */
      meshkit_config_t *config = make_config();
      meshkit_config_release(config);
      return config;
    }
    case 5: /* live, but of another kind */
      return *live = kind == ARG_CONFIG ? (void *)new_events() : (void *)make_config();
    default:
      if (kind == ARG_QUEUE) return *live = make_queue();
      if (kind == ARG_BACKPRESSURE) return *live = make_monitor();
      if (kind == ARG_GATE) return *live = make_gate();
      if (kind == ARG_PUMP) return *live = make_pump();
      return *live = kind == ARG_CONFIG ? (void *)make_config() : (void *)new_events();
  }
}

static union value value_of(enum kind kind, unsigned choice, void **live) {
  static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT32_MIN};
  static const uint64_t lengths[] = {0, 1, SIZE_MAX, (uint64_t)INT64_MAX};
  union value value = {0};
  switch (kind) {
    case ARG_I32: value.i32 = (int32_t)numbers[choice]; break;
    case ARG_U32: value.u32 = (uint32_t)numbers[choice]; break;
    case ARG_I64: case ARG_U64: value.i64 = numbers[choice]; break;
    case ARG_TIMEOUT: value.i64 = choice; break;
    case ARG_LENGTH: value.u64 = lengths[choice]; break;
    case ARG_CHARS: value.pointer = choice ? (void *)(uintptr_t)text : NULL; break;
    case ARG_BYTES: value.bytes = (meshkit_bytes_t){choice == 2 ? NULL : text, (size_t)lengths[choice]}; break;
    case ARG_OUT: value.pointer = choice ? scratch : NULL; break;
    case ARG_STRUCT: value.pointer = choice ? structs[choice - 1] : NULL; break;
    case ARG_EVENT: value.pointer = choice == 1 ? (void *)16 : choice == 2 ? (void *)scratch : NULL; break;
    default: value.pointer = handle(kind, choice, live); break;
  }
  return value;
}

static ffi_type *type_of(enum kind kind) {
  static ffi_type *members[] = {&ffi_type_pointer, &ffi_type_uint64, NULL};
  static ffi_type bytes = {0, 0, FFI_TYPE_STRUCT, members};
  switch (kind) {
    case RET_VOID: return &ffi_type_void;
    case ARG_I32: case RET_I32: case RET_STATUS: return &ffi_type_sint32;
    case ARG_U32: return &ffi_type_uint32;
    case ARG_I64: case ARG_TIMEOUT: case RET_I64: return &ffi_type_sint64;
    case ARG_U64: case ARG_LENGTH: case RET_U64: return &ffi_type_uint64;
    case ARG_BYTES: case RET_BYTES: return &bytes;
    default: return &ffi_type_pointer;
  }
}

static void release_all(void *live) {
  meshkit_config_release(live);
  meshkit_events_release(live);
  meshkit_queue_release(live);
  meshkit_backpressure_release(live);
  meshkit_gate_release(live);
  meshkit_pump_release(live);
  meshkit_dead_letters_release(live);
  meshkit_text_release(live);
}

/* One call; `pick` is the choice of each argument. */
static void call(const struct entry *entry, void *address, const unsigned *pick) {
  union value values[8], result = {0};
  void *pointers[8], *live[8] = {0};
  ffi_type *types[8];
  int hopeless = 0;
  ffi_cif cif;
  memset(structs, 0, sizeof structs); /* [0]: struct_size 0 */
  structs[1][0] = 4;                  /* too small to say anything */
  structs[2][0] = UINT32_MAX;         /* absurd */
  structs[3][0] = 64;                 /* newer than the library, with a field that it doesn't know */
  structs[3][7] = 1;
  for (unsigned i = 0; i < entry->count; i++) {
    values[i] = value_of(entry->arguments[i], pick[i], &live[i]);
    pointers[i] = &values[i];
    types[i] = type_of(entry->arguments[i]);
    hopeless |= i == 0 && entry->arguments[i] >= ARG_CONFIG && entry->arguments[i] <= ARG_TEXT && pick[i] < 6;
  }
  CHECK(ffi_prep_cif(&cif, FFI_DEFAULT_ABI, entry->count, type_of(entry->returns), types) == FFI_OK);
  ffi_call(&cif, FFI_FN(address), &result, pointers);
  if (hopeless && entry->returns == RET_STATUS && strcmp(entry->name, "meshkit_error_status") != 0) {
    if (result.i32 >= 0) fprintf(stderr, "%s took a wrong handle (choice %u)\n", entry->name, pick[0]);
    CHECK(result.i32 < 0);
  }
  for (unsigned i = 0; i < entry->count; i++) release_all(live[i]);
  /* Whatever was given out through the first words of scratch; unknown values are ignored. */
  meshkit_error_release((void *)scratch[0]);
  release_all((void *)scratch[0]);
}

int main(void) {
  unsigned long calls = 0;
  for (size_t index = 0; index < sizeof table / sizeof table[0]; index++) {
    const struct entry *entry = &table[index];
    void *address = dlsym(RTLD_DEFAULT, entry->name);
    unsigned pick[8] = {0}, position = 0;
    CHECK(address != NULL);
    do {
      call(entry, address, pick);
      calls++;
      for (position = 0; position < entry->count; position++) {
        if (++pick[position] < choices(entry->arguments[position])) break;
        pick[position] = 0;
      }
    } while (position < entry->count);
  }
  printf("%zu functions, %lu calls\n", sizeof table / sizeof table[0], calls);
  return 0;
}
