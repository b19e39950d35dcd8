/* The rows of SOL_SOCKET, one file for each kind; joined in option.c. */
#ifndef WEIR_SOCKET_OPTION_H
#define WEIR_SOCKET_OPTION_H

#include "sock/sock.h"
#include "socket/socket.h"

/* Linux: sock_opt on/off options take any int. */
#define OPTION_BOOL(field) \
    static int set_##field(struct sock *sk, const struct user_option *o) \
    { \
        int on, error = option_int(o, &on); \
        if (!error) sk->field = on != 0; \
        return error; \
    } \
    static int get_##field(struct sock *sk, const struct user_option *o) { return option_out_int(o, sk->field); }

/* option_buffer.c */
int option_set_send_buffer(struct sock *sk, const struct user_option *o);
int option_force_send_buffer(struct sock *sk, const struct user_option *o);
int option_get_send_buffer(struct sock *sk, const struct user_option *o);
int option_set_receive_buffer(struct sock *sk, const struct user_option *o);
int option_force_receive_buffer(struct sock *sk, const struct user_option *o);
int option_get_receive_buffer(struct sock *sk, const struct user_option *o);
int option_set_buffer_lock(struct sock *sk, const struct user_option *o);
int option_get_buffer_lock(struct sock *sk, const struct user_option *o);
int option_set_low_water(struct sock *sk, const struct user_option *o);
int option_get_low_water(struct sock *sk, const struct user_option *o);
int option_get_send_low_water(struct sock *sk, const struct user_option *o);
int option_get_memory(struct sock *sk, const struct user_option *o);
int option_set_peek_offset(struct sock *sk, const struct user_option *o);
int option_get_peek_offset(struct sock *sk, const struct user_option *o);

/* option_time.c */
int option_set_receive_timeout(struct sock *sk, const struct user_option *o);
int option_get_receive_timeout(struct sock *sk, const struct user_option *o);
int option_set_send_timeout(struct sock *sk, const struct user_option *o);
int option_get_send_timeout(struct sock *sk, const struct user_option *o);
int option_set_timestamp_old(struct sock *sk, const struct user_option *o);
int option_get_timestamp_old(struct sock *sk, const struct user_option *o);
int option_set_timestampns_old(struct sock *sk, const struct user_option *o);
int option_get_timestampns_old(struct sock *sk, const struct user_option *o);
int option_set_timestamp_new(struct sock *sk, const struct user_option *o);
int option_get_timestamp_new(struct sock *sk, const struct user_option *o);
int option_set_timestampns_new(struct sock *sk, const struct user_option *o);
int option_get_timestampns_new(struct sock *sk, const struct user_option *o);
int option_set_timestamping_old(struct sock *sk, const struct user_option *o);
int option_set_timestamping_new(struct sock *sk, const struct user_option *o);
int option_get_timestamping_old(struct sock *sk, const struct user_option *o);
int option_get_timestamping_new(struct sock *sk, const struct user_option *o);

#endif
