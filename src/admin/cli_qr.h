/* cli_qr.h: a QR code drawn in the terminal, two rows of it a line.
 * libqrencode makes the code: masks and Reed-Solomon are no job of ours. */
#ifndef LOFT_ADMIN_CLI_QR_H
#define LOFT_ADMIN_CLI_QR_H

#include "base/buf.h"

/* Append the drawing of `text`, with the quiet zone that readers need.
 *   colours  set black on white, whatever the terminal has, and back at the end of each line
 * Nothing is appended when the text is too long for a QR code. */
void cli_qr_draw(struct str text, bool colours, struct buf *out);

#endif
