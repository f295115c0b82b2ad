// Datagrams of the notify protocol: sending and receiving them with descriptors and credentials.
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  MESSAGE_BYTES = 4096,  // systemd's own limit (NOTIFY_BUFFER_MAX)
  MESSAGE_FDS = 253,     // the kernel's limit for one message (SCM_MAX_FD)
};

typedef union {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
} control_buffer;

// passCredentials(fd): from now on each message received carries its sender's pid and uid
static napi_value pass_credentials(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd, on = 1;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) throw_errno(env, errno, "setsockopt", NULL);
  return NULL;
}

// send(fd, text, fds): one message on a connected socket, never blocking: EAGAIN when the receiver's queue is full
static napi_value send_message(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int fd, *fds = NULL;
  uint32_t count = 0;
  char *text = NULL;
  if (!get_arguments(env, info, 3, arguments) || !get_int(env, arguments[0], "fd", &fd) ||
      !(text = get_string(env, arguments[1], "text")) ||
      !get_int_array(env, arguments[2], "fds", &fds, &count)) {
    free(text);
    return NULL;
  }
  control_buffer control = {0};
  struct iovec part = {.iov_base = text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  int error = count > MESSAGE_FDS ? E2BIG : 0;
  if (!error && count) {
    size_t size = count * sizeof(int);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
    memcpy(CMSG_DATA(header), fds, size);
  }
  if (!error && sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) error = errno;
  free(text);
  free(fds);
  if (error) throw_errno(env, error, "sendmsg", NULL);
  return NULL;
}

struct ancillary {
  struct ucred sender;
  int fds[MESSAGE_FDS];
  size_t count;
};

static void read_ancillary(struct msghdr *message, struct ancillary *ancillary) {
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len == CMSG_LEN(sizeof ancillary->sender))
      memcpy(&ancillary->sender, CMSG_DATA(header), sizeof ancillary->sender);
    if (header->cmsg_type == SCM_RIGHTS) {
      ancillary->count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(ancillary->fds, CMSG_DATA(header), ancillary->count * sizeof(int));
    }
  }
}

// uid_t is unsigned; −1 is nobody's.
static int64_t uid_number(uid_t uid) { return uid == (uid_t)-1 ? -1 : (int64_t)uid; }

static napi_value message_object(napi_env env, const char *bytes, size_t length, bool truncated,
                                 const struct ancillary *ancillary) {
  napi_value object, data, fds;
  if (napi_create_object(env, &object) != napi_ok || napi_create_buffer_copy(env, length, bytes, NULL, &data) != napi_ok ||
      napi_create_array_with_length(env, ancillary->count, &fds) != napi_ok)
    return NULL;
  for (size_t i = 0; i < ancillary->count; i++) {
    napi_value fd = make_int(env, ancillary->fds[i]);
    if (!fd || napi_set_element(env, fds, i, fd) != napi_ok) return NULL;
  }
  bool ok = napi_set_named_property(env, object, "data", data) == napi_ok &&
            napi_set_named_property(env, object, "fds", fds) == napi_ok &&
            set_bool(env, object, "truncated", truncated) && set_int(env, object, "pid", ancillary->sender.pid) &&
            set_int(env, object, "uid", uid_number(ancillary->sender.uid));
  return ok ? object : NULL;
}

// receive(fd) → {data, fds, truncated, pid, uid}, or null when nothing waits. `truncated`: the message or its
// descriptors didn't fit; those that arrived are in fds, and are the caller's to close. Without credentials uid is −1.
static napi_value receive(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  char bytes[MESSAGE_BYTES];
  control_buffer control;
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0 && errno == EAGAIN) return napi_get_null(env, &result) == napi_ok ? result : NULL;
  if (length < 0) return throw_errno(env, errno, "recvmsg", NULL);

  struct ancillary ancillary = {.sender = {.pid = 0, .uid = -1}};
  read_ancillary(&message, &ancillary);
  result = message_object(env, bytes, length, message.msg_flags & (MSG_TRUNC | MSG_CTRUNC), &ancillary);
  if (!result)
    for (size_t i = 0; i < ancillary.count; i++) close(ancillary.fds[i]);
  return result;
}

bool message_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "passCredentials", pass_credentials) &&
         export_function(env, exports, "send", send_message) && export_function(env, exports, "receive", receive);
}
