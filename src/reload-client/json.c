// JSON (RFC 8259), as far as it takes to find a few members in a reply that anything may have written.
#include "json.h"

#include <string.h>

// Replies nest six deep.
enum { DEPTH = 100 };

static bool skip_value(struct json *text, int depth);

static bool is_at(const struct json *text, char wanted) {
  return text->start < text->end && *text->start == wanted;
}

static bool skip(struct json *text, char wanted) {
  if (!is_at(text, wanted)) return false;
  text->start++;
  return true;
}

static bool skip_word(struct json *text, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(text->end - text->start) < length || memcmp(text->start, word, length) != 0) return false;
  text->start += length;
  return true;
}

static void skip_space(struct json *text) {
  while (text->start < text->end && memchr(" \t\n\r", *text->start, 4)) text->start++;
}

static bool skip_digits(struct json *text) {
  const char *first = text->start;
  while (text->start < text->end && *text->start >= '0' && *text->start <= '9') text->start++;
  return text->start > first;
}

static bool skip_number(struct json *text) {
  skip(text, '-');
  if (!skip(text, '0') && !skip_digits(text)) return false;
  if (skip(text, '.') && !skip_digits(text)) return false;
  if (!skip(text, 'e') && !skip(text, 'E')) return true;
  if (!skip(text, '-')) skip(text, '+');
  return skip_digits(text);
}

static bool skip_escape(struct json *text) {
  if (text->start == text->end) return false;
  char kind = *text->start++;
  if (kind != 'u') return memchr("\"\\/bfnrt", kind, 8);
  for (int i = 0; i < 4; i++, text->start++) {
    if (text->start == text->end || !memchr("0123456789abcdefABCDEF", *text->start, 22)) return false;
  }
  return true;
}

static bool skip_string(struct json *text) {
  if (!skip(text, '"')) return false;
  while (text->start < text->end) {
    unsigned char next = *text->start++;
    if (next == '"') return true;
    if (next < ' ' || (next == '\\' && !skip_escape(text))) return false;
  }
  return false;
}

// Goes to the next value in an object or an array; `name` becomes the name that it has in an object.
static bool next_member(struct json *text, struct json *name) {
  skip_space(text);
  name->start = text->start;
  if (!skip_string(text)) return false;
  name->end = text->start;
  skip_space(text);
  return skip(text, ':');
}

static bool skip_members(struct json *text, char end, int depth) {
  struct json name;
  text->start++;
  skip_space(text);
  if (skip(text, end)) return true;
  do {
    if (end == '}' && !next_member(text, &name)) return false;
    skip_space(text);
    if (!skip_value(text, depth + 1)) return false;
    skip_space(text);
  } while (skip(text, ','));
  return skip(text, end);
}

static bool skip_value(struct json *text, int depth) {
  if (text->start == text->end || depth > DEPTH) return false;
  switch (*text->start) {
    case '{':
      return skip_members(text, '}', depth);
    case '[':
      return skip_members(text, ']', depth);
    case '"':
      return skip_string(text);
    case 't':
      return skip_word(text, "true");
    case 'f':
      return skip_word(text, "false");
    case 'n':
      return skip_word(text, "null");
    default:
      return skip_number(text);
  }
}

bool json_read(struct json *text) {
  skip_space(text);
  struct json rest = *text;
  if (!skip_value(&rest, 0)) return false;
  struct json value = {text->start, rest.start};
  skip_space(&rest);
  *text = value;
  return rest.start == rest.end;
}

void json_find(struct json object, struct json_member *members, size_t count) {
  struct json name;
  object.start++;
  while (next_member(&object, &name)) {
    skip_space(&object);
    struct json value = {object.start, NULL};
    skip_value(&object, 0);
    value.end = object.start;
    for (size_t i = 0; i < count; i++) {
      size_t length = strlen(members[i].name);
      if ((size_t)(name.end - name.start) == length + 2 && memcmp(name.start + 1, members[i].name, length) == 0)
        members[i].value = value;
    }
    skip_space(&object);
    if (!skip(&object, ',')) break;
  }
}
