#include "admin/cli_qr.h"

#include <qrencode.h>

enum { QUIET_MODULES = 4 }; /* ISO/IEC 18004: on each side */

static bool is_dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

void cli_qr_draw(struct str text, bool colours, struct buf *out)
{
    static const char *const cells[2][2] = { { " ", "\342\226\204" }, { "\342\226\200", "\342\226\210" } };
    QRcode *code = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
    if (!code)
        return;
    for (int y = -QUIET_MODULES; y < code->width + QUIET_MODULES; y += 2) {
        if (colours)
            buf_add_lit(out, "\033[30;107m");
        for (int x = -QUIET_MODULES; x < code->width + QUIET_MODULES; x++)
            buf_add(out, str_c(cells[is_dark(code, x, y)][is_dark(code, x, y + 1)]));
        if (colours)
            buf_add_lit(out, "\033[0m");
        buf_add_char(out, '\n');
    }
    QRcode_free(code);
}
