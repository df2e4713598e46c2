/* Connections of lamps that don't read the broker's answers. */
#ifndef UNREAD_ANSWERS_H
#define UNREAD_ANSWERS_H

/* Close connections on the lamps' port on which answers have piled up; call it often, it looks once a second. */
void close_unread(int lamps_port);

/* Free the memory of `close_unread`. */
void forget_unread(void);

#endif
