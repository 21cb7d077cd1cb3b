/* 03-queue: a lease queue from the first task to the dead letters. It needs no node.
 *
 *     03-queue
 *
 * A producer puts orders into a queue. A consumer takes them on lease, packs most, fails at one of them until the queue
 * gives it up, and at last reads it as a dead letter and has it delivered once more.
 */
#include <meshkit.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what, meshkit_status_t status, meshkit_error_t *error) {
  if (status == MESHKIT_OK) return 0;
  fprintf(stderr, "03-queue: %s: %.*s: %.*s\n", what, MESHKIT_PRINT(meshkit_status_name(status)),
          MESHKIT_PRINT(meshkit_error_message(error)));
  meshkit_error_release(error);
  return 1;
}

/* Everything in a task is copied. The same request id again is the same task, so a producer that doesn't know whether
 * its call came through can simply repeat it. Orders of one customer are packed one after the other: that is the key. */
static int put(meshkit_queue_t *queue, const char *order, const char *customer) {
  meshkit_task_t task = {.struct_size = sizeof task, .payload = {order, strlen(order)},
                         .key = {customer, strlen(customer)}, .request_id = {order, strlen(order)}};
  meshkit_task_id_t id;
  meshkit_error_t *error = NULL;
  if (failed(order, meshkit_queue_enqueue(queue, &task, &id, &error), error)) return 1;
  printf("order %s is task %llu\n", order, (unsigned long long)id.sequence);
  return 0;
}

/* The token ends the lease; the rest of a lease is for reading, until it is released. A consumer that never says
 * anything loses its lease after 30 seconds, and somebody else gets the task. One that works longer beats:
 * meshkit_queue_heartbeat(). What it then finds ended must not count: another may have done the work. */
static void pack(meshkit_queue_t *queue, meshkit_lease_t *lease) {
  if (lease->payload.len == 6 && memcmp(lease->payload.ptr, "teapot", 6) == 0) {
    static const char why[] = "it broke";
    printf("order teapot, delivery %u: %s\n", (unsigned)lease->token.attempt, why);
    meshkit_queue_fail(queue, &lease->token, why, sizeof why - 1, MESHKIT_TASK_RETRY, 0);
  } else {
    meshkit_status_t status = meshkit_queue_complete(queue, &lease->token);
    printf("order %.*s: %s\n", MESHKIT_PRINT(lease->payload), status == MESHKIT_OK ? "packed" : "packed too late");
  }
  meshkit_lease_release(lease);
}

/* A failed task comes again after a wait that grows; here at most 200 ms. When nothing comes any more, we are done. */
static void pack_all(meshkit_queue_t *queue) {
  meshkit_lease_t *lease;
  while (meshkit_queue_lease_wait(queue, 1000, &lease) == MESHKIT_OK) pack(queue, lease);
}

/* What failed too often is kept: read it, mend the cause, deliver it again or purge it. */
static void redrive_dead(meshkit_queue_t *queue) {
  meshkit_dead_letters_t *letters;
  if (meshkit_queue_dead_letters(queue, NULL, 100, &letters) != MESHKIT_OK) return;
  for (size_t index = 0; index < meshkit_dead_letters_count(letters); index++) {
    const meshkit_dead_letter_t *letter;
    if (meshkit_dead_letters_get(letters, index, &letter) != MESHKIT_OK) break;
    printf("dead letter %.*s after %u deliveries: %.*s\n", MESHKIT_PRINT(letter->payload), (unsigned)letter->attempt,
           MESHKIT_PRINT(letter->last_error));
    meshkit_queue_redrive(queue, &letter->task);
  }
  meshkit_dead_letters_release(letters);
}

static void print_counts(meshkit_queue_t *queue) {
  meshkit_queue_counts_t counts = {.struct_size = sizeof counts};
  if (meshkit_queue_counts(queue, &counts) != MESHKIT_OK) return;
  printf("admitted %llu, completed %llu, deliveries %llu, dead %llu\n", (unsigned long long)counts.admitted,
         (unsigned long long)counts.completed, (unsigned long long)counts.grants, (unsigned long long)counts.dead);
}

int main(void) {
  /* Zero stands for the default; 3 deliveries each, and short waits, so that the tutorial is. */
  meshkit_queue_options_t options = {.struct_size = sizeof options, .attempts_max = 3, .retry_first_ms = 50};
  meshkit_queue_t *queue = NULL;
  meshkit_error_t *error = NULL;
  if (failed("create", meshkit_queue_create("orders", 6, &options, &queue, &error), error)) return 1;

  if (put(queue, "cup", "anna") || put(queue, "teapot", "ben") || put(queue, "plate", "anna")) return 1;
  if (put(queue, "cup", "anna")) return 1; /* again: the same task */
  pack_all(queue);
  redrive_dead(queue);
  pack_all(queue);
  print_counts(queue);

  /* Closing ends every wait on the queue. What is left could be kept: the third argument but one takes a snapshot. */
  if (failed("close", meshkit_queue_close_wait(queue, MESHKIT_CLOSE_DRAIN, 1000, NULL, &error), error)) return 1;
  meshkit_queue_release(queue);
  return 0;
}
