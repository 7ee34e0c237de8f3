#include "auth/oauth/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { ERROR_BYTES = CURL_ERROR_SIZE };

/* As many handles as requests may be under way: each keeps its connection for the next. */
struct pool {
    struct http_params params;
    char *ca_file, *proxy;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    CURL **idle; /* the first idle_count of them */
    size_t idle_count;
};

static CURL *take(struct pool *pool)
{
    struct timespec until;
    CURL *handle = NULL;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += pool->params.timeout_ms / 1000;
    until.tv_nsec += (long)(pool->params.timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&pool->lock);
    while (pool->idle_count == 0 && pthread_cond_timedwait(&pool->freed, &pool->lock, &until) == 0)
        ;
    if (pool->idle_count > 0)
        handle = pool->idle[--pool->idle_count];
    pthread_mutex_unlock(&pool->lock);
    return handle;
}

static void give_back(struct pool *pool, CURL *handle)
{
    curl_easy_reset(handle); /* the connection stays; tokens and secrets go */
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->idle_count++] = handle;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

struct sink {
    struct buf *body;
    size_t from, bytes_max;
    bool too_long;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct sink *sink = ctx;
    size_t n = size * count;
    if (n > sink->bytes_max - (sink->body->n - sink->from)) {
        sink->too_long = true;
        return 0; /* ends the transfer */
    }
    buf_add_bytes(sink->body, bytes, n);
    return n;
}

static void set_up(CURL *handle, const struct pool *pool, const struct http_request *request,
                   struct sink *sink, char *error)
{
    const struct http_params *p = &pool->params;
    curl_easy_setopt(handle, CURLOPT_URL, request->address);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, p->plain_on_loopback ? "https,http" : "https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    if (*pool->ca_file)
        curl_easy_setopt(handle, CURLOPT_CAINFO, pool->ca_file);
    curl_easy_setopt(handle, CURLOPT_PROXY, pool->proxy);
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)p->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)p->timeout_ms);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "Loft/" LOFT_VERSION);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, sink);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
    if (!str_is_nil(request->form)) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->form.n);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->form.p); /* borrows */
    }
}

static struct curl_slist *headers_of(const struct http_request *request)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    if (!str_is_nil(request->authorization)) {
        struct buf line = BUF_INIT;
        buf_printf(&line, "Authorization: " STR_FMT, STR_ARG(request->authorization));
        headers = curl_slist_append(headers, buf_c(&line));
        explicit_bzero(line.p, line.cap);
        buf_deinit(&line);
    }
    return headers;
}

static void headers_free(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(headers);
}

static int fetch(void *ctx, const struct http_request *request, struct http_answer *answer, struct err *err)
{
    struct pool *pool = ctx;
    CURL *handle = take(pool);
    if (!handle)
        return err_set(err, ERR_UNAVAILABLE, "%u requests to the issuer of tokens are under way already",
                       pool->params.at_once);
    struct sink sink = { &answer->body, answer->body.n, request->answer_bytes_max, false };
    char error[ERROR_BYTES] = "";
    struct curl_slist *headers = headers_of(request);
    set_up(handle, pool, request, &sink, error);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(handle);
    int r = 0;
    if (sink.too_long)
        r = err_set(err, ERR_LIMIT, "the issuer's answer is longer than %zu bytes",
                    request->answer_bytes_max);
    else if (code != CURLE_OK)
        r = err_set(err, ERR_UNAVAILABLE, "the issuer of tokens cannot be asked: %s",
                    error[0] ? error : curl_easy_strerror(code));
    else
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
    give_back(pool, handle);
    headers_free(headers);
    return r;
}

int http_new(const struct http_params *params, struct http *http_out, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_UNAVAILABLE, "libcurl does not start");
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool || !(pool->idle = calloc(params->at_once, sizeof(CURL *))))
        abort();
    pool->params = *params;
    pool->ca_file = strdup(params->ca_file);
    pool->proxy = strdup(params->proxy);
    if (!pool->ca_file || !pool->proxy)
        abort();
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&pool->lock, NULL);
    for (; pool->idle_count < params->at_once; pool->idle_count++)
        if (!(pool->idle[pool->idle_count] = curl_easy_init()))
            abort();
    *http_out = (struct http){ fetch, pool };
    return 0;
}

void http_free(struct http *http)
{
    struct pool *pool = http->ctx;
    *http = (struct http){ 0 };
    if (!pool)
        return;
    for (size_t i = 0; i < pool->idle_count; i++)
        curl_easy_cleanup(pool->idle[i]);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->idle);
    free(pool->ca_file);
    free(pool->proxy);
    free(pool);
    curl_global_cleanup();
}
