// Socket addresses, from their text and back.
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

int unix_address(const char *name, struct sockaddr_un *address, socklen_t *length) {
  size_t size = strlen(name);
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (name[0] != '/' && name[0] != '@') return EINVAL;
  // An abstract name may fill sun_path; a path leaves room for its NUL.
  if (size + (name[0] == '/') > sizeof address->sun_path) return ENAMETOOLONG;
  memcpy(address->sun_path, name, size);
  if (name[0] == '@') address->sun_path[0] = 0;
  *length = offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '/');
  return 0;
}

int inet_address(int family, const char *host, const char *interface, int port, struct sockaddr_storage *address,
                 socklen_t *length) {
  memset(address, 0, sizeof *address);
  if (port < 0 || port > UINT16_MAX) return EINVAL;
  if (family == AF_INET) {
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    *length = sizeof *in;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : EINVAL;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  if (interface[0] && !(in6->sin6_scope_id = if_nametoindex(interface))) return ENODEV;
  *length = sizeof *in6;
  return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : EINVAL;
}

static bool describe_unix(napi_env env, napi_value object, const struct sockaddr_un *address, socklen_t length) {
  char name[sizeof address->sun_path + 1] = "";
  size_t size = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
  if (size > sizeof address->sun_path) size = sizeof address->sun_path;
  memcpy(name, address->sun_path, size);
  if (size && !name[0]) {
    for (size_t i = 0; i < size; i++)
      if (!name[i]) name[i] = '@';  // as ss(8) and systemd print abstract names
  } else {
    size = strnlen(name, size);
  }
  return set_string(env, object, "path", name, size);
}

// Adds path, or host and port; nothing for other families.
bool describe_address(napi_env env, napi_value object, const struct sockaddr_storage *address, socklen_t length) {
  char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "";
  if (address->ss_family == AF_UNIX) return describe_unix(env, object, (const struct sockaddr_un *)address, length);
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    return set_string(env, object, "host", host, NAPI_AUTO_LENGTH) && set_int(env, object, "port", ntohs(in->sin_port));
  }
  if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    char interface[IF_NAMESIZE];
    if (in6->sin6_scope_id && if_indextoname(in6->sin6_scope_id, interface)) {
      size_t used = strlen(host);
      snprintf(host + used, sizeof host - used, "%%%s", interface);
    }
    return set_string(env, object, "host", host, NAPI_AUTO_LENGTH) &&
           set_int(env, object, "port", ntohs(in6->sin6_port));
  }
  return true;
}
