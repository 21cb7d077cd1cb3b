/* Handles, configurations and errors: double release, stale use, out-parameters, limits, what the errors say. */
#include "support.h"

static void releasing_null_and_twice_is_harmless(void) {
  meshkit_config_t *config = NULL;
  meshkit_events_t *events = new_events();
  meshkit_config_release(NULL);
  meshkit_events_release(NULL);
  meshkit_event_release(NULL);
  meshkit_node_release(NULL);
  meshkit_members_release(NULL);
  meshkit_error_release(NULL);
  meshkit_text_release(NULL);
  CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK);
  meshkit_config_release(config);
  meshkit_config_release(config);
  meshkit_events_release(events);
  meshkit_events_release(events);
}

static void a_stale_handle_is_closed_and_never_comes_alive_again(void) {
  meshkit_config_t *stale = NULL;
  CHECK(meshkit_config_create(&stale, NULL) == MESHKIT_OK);
  meshkit_config_release(stale);
  for (int i = 0; i < 1000; i++) {
    meshkit_config_t *config = NULL;
    CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK && config != stale);
    CHECK(meshkit_config_load_environment(stale, NULL) == MESHKIT_E_CLOSED);
    meshkit_config_release(config);
  }
}

static void a_foreign_handle_is_a_wrong_argument(void) {
  meshkit_events_t *events = new_events();
  CHECK(meshkit_config_load_environment((meshkit_config_t *)(void *)events, NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_load_environment(NULL, NULL) == MESHKIT_E_ARGUMENT);
  meshkit_config_release((meshkit_config_t *)(void *)events);
  CHECK(meshkit_events_fd(events) >= 0);
  meshkit_events_release(events);
}

static void out_parameters_are_written_when_a_call_fails(void) {
  meshkit_node_t *node = (void *)7;
  meshkit_error_t *error = (void *)7;
  meshkit_text_t *value = (void *)7;
  meshkit_event_t *event = (void *)7, *batch[4] = {(void *)7, (void *)7, (void *)7, (void *)7};
  size_t count = 7;
  const meshkit_member_t *member = (void *)7;
  CHECK(meshkit_node_open(NULL, &node, &error) == MESHKIT_E_ARGUMENT && node == NULL);
  CHECK(error != (void *)7 && meshkit_error_status(error) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_error_message(error).len > 0 && !meshkit_error_is_retriable(error) && !meshkit_error_is_fatal(error));
  CHECK(meshkit_error_retry_after_ms(error) == -1);
  meshkit_error_release(error);
  CHECK(meshkit_error_status(error) == MESHKIT_E_CLOSED && meshkit_error_message(error).len == 0);
  CHECK(meshkit_config_copy_value(NULL, TEXT("x"), &value, NULL) == MESHKIT_E_ARGUMENT && value == NULL);
  CHECK(meshkit_events_next(NULL, 0, &event) == MESHKIT_E_ARGUMENT && event == NULL);
  CHECK(meshkit_events_next_batch(NULL, 0, batch, 4, &count) == MESHKIT_E_ARGUMENT && count == 0 && batch[3] == NULL);
  CHECK(meshkit_members_get(NULL, 0, &member) == MESHKIT_E_ARGUMENT && member == NULL);
}

static void a_configuration_keeps_what_was_right(void) {
  meshkit_config_t *config = NULL;
  meshkit_error_t *error = NULL;
  meshkit_text_t *value = NULL;
  CHECK(meshkit_config_create(&config, &error) == MESHKIT_OK && error == NULL);
  check_ok(meshkit_config_set(config, TEXT("mesh:gossip:interval"), TEXT("1500ms"), &error), &error, "set");
  CHECK(meshkit_config_set(config, TEXT("mesh:gossip:fanout"), TEXT("none"), &error) == MESHKIT_E_CONFIGURATION);
  CHECK(strstr(meshkit_error_message(error).ptr, "mesh:gossip:fanout") != NULL);
  meshkit_error_release(error);
  CHECK(meshkit_config_load_json(config, TEXT("{\"mesh\":{\"gosip\":{}}}"), NULL) == MESHKIT_E_CONFIGURATION);
  check_ok(meshkit_config_copy_value(config, TEXT("mesh:gossip:interval"), &value, &error), &error, "copy_value");
  CHECK(meshkit_text_bytes(value).len > 0);
  meshkit_text_release(value);
  CHECK(meshkit_text_bytes(value).len == 0);
  CHECK(meshkit_config_copy_value(config, TEXT("no:such:key"), &value, NULL) == MESHKIT_E_NOT_FOUND);
  CHECK(meshkit_config_key_count() > 10 && meshkit_config_key_at(0).len > 0);
  CHECK(meshkit_config_key_at(meshkit_config_key_count()).len == 0 && meshkit_config_key_at(SIZE_MAX).len == 0);
  meshkit_config_release(config);
}

static void text_is_checked_at_the_door(void) {
  meshkit_config_t *config = NULL;
  CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK);
  CHECK(meshkit_config_set(config, "\xc3\x28", 2, TEXT("1s"), NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_set(config, "a\0b", 3, TEXT("1s"), NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_set(config, NULL, 1, TEXT("1s"), NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_set(config, "a", MESHKIT_CONFIG_TEXT_LEN_MAX + 1, TEXT("1s"), NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_set(config, "a", SIZE_MAX, TEXT("1s"), NULL) == MESHKIT_E_ARGUMENT);
  CHECK(meshkit_config_load_json(config, NULL, 0, NULL) < 0);
  CHECK(meshkit_config_load_json(config, "{", MESHKIT_CONFIG_JSON_LEN_MAX + (size_t)1, NULL) == MESHKIT_E_ARGUMENT);
  meshkit_config_release(config);
}

static void open_takes_the_configuration_also_when_it_fails(void) {
  meshkit_config_t *config = NULL;
  meshkit_node_t *node = NULL;
  meshkit_error_t *error = NULL;
  CHECK(meshkit_config_create(&config, NULL) == MESHKIT_OK);
  CHECK(meshkit_config_set(config, TEXT("mesh:gossip:tls:certificatePath"), TEXT("/none/a.pem"), NULL) == MESHKIT_OK);
  CHECK(meshkit_node_open(config, &node, &error) < 0 && node == NULL && error != NULL);
  CHECK(meshkit_config_load_environment(config, NULL) == MESHKIT_E_CLOSED);
  CHECK(meshkit_node_open(config, &node, NULL) == MESHKIT_E_CLOSED);
  meshkit_error_release(error);
}

static void options_may_be_older_or_newer_than_the_library(void) {
  struct { meshkit_events_options_t options; uint64_t future; } newer = {{sizeof newer, 16}, 0};
  uint32_t older = sizeof older;
  meshkit_events_t *events = NULL;
  CHECK(meshkit_events_create(&newer.options, &events, NULL) == MESHKIT_OK);
  meshkit_events_release(events);
  newer.future = 1;
  CHECK(meshkit_events_create(&newer.options, &events, NULL) == MESHKIT_E_UNSUPPORTED && events == NULL);
  CHECK(meshkit_events_create((meshkit_events_options_t *)(void *)&older, &events, NULL) == MESHKIT_OK);
  meshkit_events_release(events);
  newer.options = (meshkit_events_options_t){sizeof newer.options, 15};
  CHECK(meshkit_events_create(&newer.options, &events, NULL) == MESHKIT_E_ARGUMENT);
  newer.options = (meshkit_events_options_t){3, 16};
  CHECK(meshkit_events_create(&newer.options, &events, NULL) == MESHKIT_E_ARGUMENT);
}

static void statuses_explain_themselves(void) {
  CHECK(strncmp(meshkit_status_name(MESHKIT_E_TIMEOUT).ptr, "DeadlineExceeded", 16) == 0);
  CHECK(meshkit_status_category(MESHKIT_E_UNSUPPORTED) == MESHKIT_CATEGORY_UNSUPPORTED);
  CHECK(meshkit_status_category(-399) == 3 && meshkit_status_category(7) == 0);
  CHECK(meshkit_status_category(INT32_MIN) > 0);
  CHECK(meshkit_status_is_retriable(MESHKIT_E_BUSY) && !meshkit_status_is_retriable(-399));
  CHECK(meshkit_status_http(MESHKIT_OK) == 200 && meshkit_status_http(-399) == 500 && meshkit_status_grpc(-399) == 2);
  CHECK(meshkit_version_number() == MESHKIT_VERSION_NUMBER && meshkit_abi_version() == MESHKIT_ABI_VERSION);
}

int main(void) {
  releasing_null_and_twice_is_harmless();
  a_stale_handle_is_closed_and_never_comes_alive_again();
  a_foreign_handle_is_a_wrong_argument();
  out_parameters_are_written_when_a_call_fails();
  a_configuration_keeps_what_was_right();
  text_is_checked_at_the_door();
  open_takes_the_configuration_also_when_it_fails();
  options_may_be_older_or_newer_than_the_library();
  statuses_explain_themselves();
  return 0;
}
