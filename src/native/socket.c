// Making, binding and describing sockets; and pairs of them, and pipes.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// bind(2) on a new socket. Returns 0, or the errno with the step that failed.
static int bind_socket(int fd, const struct sockaddr *address, socklen_t length, bool listening, bool reuse_port,
                       const char **step) {
  int on = 1;
  *step = "setsockopt";
  // Lets us bind while connections of a predecessor have not quite ended. Datagram sockets have none, and would share
  // the port.
  if (listening && address->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
    return errno;
  if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return errno;
  *step = "bind";
  if (bind(fd, address, length) < 0) return errno;
  *step = "listen";
  // This is systemd's own default Backlog=, too: the kernel cuts it down to net.core.somaxconn.
  if (listening && listen(fd, 0x7fffffff) < 0) return errno;
  return 0;
}

// bindUnix(type, name) → fd; bindInet(type, family, host, interface, port, reusePort) → fd. Streams and seqpackets listen.
static napi_value bind_new(napi_env env, int type, const struct sockaddr *address, socklen_t length, bool reuse_port,
                           const char *subject) {
  const char *step = "socket";
  int fd = socket(address->sa_family, type | SOCK_CLOEXEC, 0);
  int error = fd < 0 ? errno : bind_socket(fd, address, length, type != SOCK_DGRAM, reuse_port, &step);
  if (!error) return make_int(env, fd);
  if (fd >= 0) close(fd);
  return throw_errno(env, error, step, subject);
}

static napi_value bind_unix(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  int type, error;
  char *name;
  struct sockaddr_un address;
  socklen_t length;
  if (!get_arguments(env, info, 2, arguments) || !get_int(env, arguments[0], "type", &type) ||
      !(name = get_string(env, arguments[1], "name")))
    return NULL;
  if ((error = unix_address(name, &address, &length)))
    throw_errno(env, error, "bind", name);
  else
    result = bind_new(env, type, (struct sockaddr *)&address, length, false, name);
  free(name);
  return result;
}

static napi_value bind_inet(napi_env env, napi_callback_info info) {
  napi_value arguments[6], result = NULL;
  int type, family, port, error;
  bool reuse_port;
  char *host = NULL, *interface = NULL, subject[128];
  struct sockaddr_storage address;
  socklen_t length;
  if (!get_arguments(env, info, 6, arguments) || !get_int(env, arguments[0], "type", &type) ||
      !get_int(env, arguments[1], "family", &family) || !(host = get_string(env, arguments[2], "host")) ||
      !(interface = get_string(env, arguments[3], "interface")) || !get_int(env, arguments[4], "port", &port))
    goto out;
  if (napi_get_value_bool(env, arguments[5], &reuse_port) != napi_ok) {
    throw_type(env, "reusePort must be boolean");
    goto out;
  }
  snprintf(subject, sizeof subject, family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, port);
  if ((error = inet_address(family, host, interface, port, &address, &length)))
    throw_errno(env, error, "bind", subject);
  else
    result = bind_new(env, type, (struct sockaddr *)&address, length, reuse_port, subject);
out:
  free(host);
  free(interface);
  return result;
}

// connectUnix(type, name) → fd, non-blocking
static napi_value connect_unix(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  int type, fd = -1;
  char *name;
  struct sockaddr_un address;
  socklen_t length;
  if (!get_arguments(env, info, 2, arguments) || !get_int(env, arguments[0], "type", &type) ||
      !(name = get_string(env, arguments[1], "name")))
    return NULL;
  const char *step = "connect";
  int error = unix_address(name, &address, &length);
  if (!error && (fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0) {
    step = "socket";
    error = errno;
  }
  if (!error && connect(fd, (struct sockaddr *)&address, length) < 0) error = errno;
  if (error) {
    if (fd >= 0) close(fd);
    throw_errno(env, error, step, name);
  } else {
    result = make_int(env, fd);
  }
  free(name);
  return result;
}

// accept(fd) → {fd, pid, uid} of the next client of a unix socket, non-blocking; null when none waits
static napi_value accept_client(napi_env env, napi_callback_info info) {
  napi_value argument, object;
  int fd;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0 && (errno == EAGAIN || errno == ECONNABORTED))
    return napi_get_null(env, &object) == napi_ok ? object : NULL;
  if (client < 0) return throw_errno(env, errno, "accept4", NULL);
  if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    throw_errno(env, errno, "getsockopt", NULL);
  else if (napi_create_object(env, &object) == napi_ok && set_int(env, object, "fd", client) &&
           set_int(env, object, "pid", peer.pid) && set_int(env, object, "uid", peer.uid))
    return object;
  close(client);
  return NULL;
}

static const char *family_name(int family) {
  return family == AF_INET    ? "inet"
         : family == AF_INET6 ? "inet6"
         : family == AF_UNIX  ? "unix"
         : family == AF_NETLINK ? "netlink"
         : family == AF_VSOCK ? "vsock"
                              : "other";
}

static const char *type_name(int type) {
  return type == SOCK_STREAM      ? "stream"
         : type == SOCK_DGRAM     ? "datagram"
         : type == SOCK_SEQPACKET ? "seqpacket"
         : type == SOCK_RAW       ? "raw"
                                  : "other";
}

// describeSocket(fd) → {family, type, listening, connected, path | host and port}; null when it isn't a socket
static napi_value describe_socket(napi_env env, napi_callback_info info) {
  napi_value argument, object;
  int fd, family, type, listening = 0;
  struct sockaddr_storage address = {0}, peer;
  socklen_t size = sizeof family, length = sizeof address, peer_length = sizeof peer;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0) {
    if (errno == ENOTSOCK) return napi_get_null(env, &object) == napi_ok ? object : NULL;
    return throw_errno(env, errno, "getsockopt", NULL);
  }
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return throw_errno(env, errno, "getsockopt", NULL);
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);  // not every family has it
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return throw_errno(env, errno, "getsockname", NULL);
  bool connected = getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0;
  if (napi_create_object(env, &object) != napi_ok ||
      !set_string(env, object, "family", family_name(family), NAPI_AUTO_LENGTH) ||
      !set_string(env, object, "type", type_name(type), NAPI_AUTO_LENGTH) ||
      !set_bool(env, object, "listening", listening) || !set_bool(env, object, "connected", connected) ||
      !describe_address(env, object, &address, length))
    return NULL;
  return object;
}

// reusePort(fd) → {protocol, device} of a socket that may share its address (SO_REUSEPORT); null of any other descriptor
static napi_value reuse_port_of(napi_env env, napi_callback_info info) {
  napi_value argument, object;
  int fd, protocol, on = 0;
  char device[IFNAMSIZ] = "";
  socklen_t size = sizeof on, device_size = sizeof device;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, &size) < 0 && errno == EBADF)
    return throw_errno(env, errno, "getsockopt", NULL);
  if (!on) return napi_get_null(env, &object) == napi_ok ? object : NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
      getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_size) < 0)
    return throw_errno(env, errno, "getsockopt", NULL);
  if (napi_create_object(env, &object) == napi_ok && set_int(env, object, "protocol", protocol) &&
      set_string(env, object, "device", device, NAPI_AUTO_LENGTH))
    return object;
  return NULL;
}

// waiting(fd) → how many connections wait to be accepted on a TCP socket that listens; null of any other descriptor
static napi_value waiting(napi_env env, napi_callback_info info) {
  napi_value argument, nothing;
  int fd;
  struct tcp_info tcp;
  socklen_t size = sizeof tcp;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int error = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &size) < 0 ? errno : 0;
  if (error == EBADF) return throw_errno(env, error, "getsockopt", NULL);
  // Of one that listens this is the length of its queue.
  if (!error && tcp.tcpi_state == TCP_LISTEN) return make_int(env, tcp.tcpi_unacked);
  return napi_get_null(env, &nothing) == napi_ok ? nothing : NULL;
}

// readable(fd), writable(fd) → boolean, at once
static napi_value is_ready(napi_env env, napi_callback_info info, short events) {
  napi_value argument, result;
  struct pollfd poll_fd = {.events = events};
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &poll_fd.fd)) return NULL;
  int ready = poll(&poll_fd, 1, 0);
  return napi_get_boolean(env, ready > 0, &result) == napi_ok ? result : NULL;
}

static napi_value readable(napi_env env, napi_callback_info info) { return is_ready(env, info, POLLIN); }

static napi_value writable(napi_env env, napi_callback_info info) { return is_ready(env, info, POLLOUT); }

// Two descriptors, for the caller to close.
static napi_value pair_of(napi_env env, const int ends[2]) {
  napi_value result, first, second;
  if (napi_create_array_with_length(env, 2, &result) == napi_ok && (first = make_int(env, ends[0])) &&
      (second = make_int(env, ends[1])) && napi_set_element(env, result, 0, first) == napi_ok &&
      napi_set_element(env, result, 1, second) == napi_ok)
    return result;
  close(ends[0]);
  close(ends[1]);
  return NULL;
}

// pipe() → [reader, writer], both close-on-exec
static napi_value make_pipe(napi_env env, napi_callback_info info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return throw_errno(env, errno, "pipe2", NULL);
  return pair_of(env, ends);
}

// socketPair() → [fd, fd] of seqpackets: two ends that are connected, non-blocking, close-on-exec
static napi_value socket_pair(napi_env env, napi_callback_info info) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    return throw_errno(env, errno, "socketpair", NULL);
  return pair_of(env, ends);
}

bool socket_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "bindUnix", bind_unix) && export_function(env, exports, "bindInet", bind_inet) &&
         export_function(env, exports, "connectUnix", connect_unix) &&
         export_function(env, exports, "accept", accept_client) &&
         export_function(env, exports, "describeSocket", describe_socket) &&
         export_function(env, exports, "reusePort", reuse_port_of) &&
         export_function(env, exports, "waiting", waiting) && export_function(env, exports, "readable", readable) &&
         export_function(env, exports, "writable", writable) && export_function(env, exports, "pipe", make_pipe) &&
         export_function(env, exports, "socketPair", socket_pair);
}
