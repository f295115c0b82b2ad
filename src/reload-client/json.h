#pragma once
#include <stdbool.h>
#include <stddef.h>

// The text of a value, from its first character to the one after its last. `start` is NULL where there is none.
struct json {
  const char *start;
  const char *end;
};

struct json_member {
  const char *name;
  struct json value;
};

// Whether that text is one value, with nothing but white space around it; `text` becomes the value alone.
bool json_read(struct json *text);

// Finds the values of these members in an object that json_read() has accepted; of two with one name the last one counts. A name
// that is written with escapes isn't found: no supervisor writes one so.
void json_find(struct json object, struct json_member *members, size_t count);
