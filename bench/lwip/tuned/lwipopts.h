/* lwIP for speed, where its source is at hand: no threads, pools instead of malloc(), windows of 256 KiB, a wide checksum. */
#ifndef BENCH_LWIPOPTS_H
#define BENCH_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMERS 0
#define LWIP_STATS 0
#define LWIP_IPV6 0
#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_TCP_SACK_OUT 0
#define LWIP_NOASSERT 1
#define ARP_QUEUEING 1

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEMP_NUM_TCP_PCB 40000
#define MEMP_NUM_TCP_PCB_LISTEN 16
#define MEMP_NUM_TCP_SEG 60000
#define MEMP_NUM_PBUF 60000
#define PBUF_POOL_SIZE 2048
#define PBUF_POOL_BUFSIZE 1600

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN 1024
#define TCP_SNDLOWAT 32768
#define TCP_OVERSIZE TCP_MSS
#define TCP_LISTEN_BACKLOG 1
#define SO_REUSE 1

#include <stdint.h>
uint16_t bench_checksum(const void *data, int bytes);
#define LWIP_CHKSUM bench_checksum

#endif
