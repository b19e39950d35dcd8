/* Control messages and option values: the small things that cross between a program and the core beside the data. */
#include "file/user_memory.h"

/* Linux: put_cmsg. A message that does not fit is cut and MSG_CTRUNC set; one whose header does not fit is left out. */
void user_msg_put_control(struct user_msg *msg, int level, int type, const void *data, uint32_t bytes)
{
    uint32_t room = msg->control_bytes - msg->control_used;
    size_t length = CMSG_LEN(bytes);
    if (room < sizeof(struct cmsghdr)) {
        msg->out_flags |= MSG_CTRUNC;
        return;
    }
    if (room < length) {
        msg->out_flags |= MSG_CTRUNC;
        length = room;
    }
    struct cmsghdr header = { .cmsg_len = length, .cmsg_level = level, .cmsg_type = type };
    uint8_t *at = msg->control + msg->control_used;
    memcpy(at, &header, sizeof header);
    if (length > sizeof header) memcpy(at + sizeof header, data, length - sizeof header);
    size_t space = min_of(CMSG_SPACE(bytes), room);
    if (space > length) memset(at + length, 0, space - length);
    msg->control_used += (uint32_t)space;
}

int option_in(const struct user_option *o, void *to, size_t bytes)
{
    if (o->bytes < 0 || (size_t)o->bytes < bytes) return -EINVAL;
    return user_in(o->memory, to, o->value, bytes);
}

int option_int(const struct user_option *o, int *out)
{
    return option_in(o, out, sizeof *out);
}

int option_out(const struct user_option *o, const void *from, size_t bytes)
{
    if (o->bytes < 0) return -EINVAL;
    int32_t given = (int32_t)min_of((size_t)o->bytes, bytes);
    int error = user_out(o->memory, o->value, from, (size_t)given);
    return error ? error : user_out(o->memory, o->length_out, &given, sizeof given);
}

int option_out_int(const struct user_option *o, int value)
{
    return option_out(o, &value, sizeof value);
}
