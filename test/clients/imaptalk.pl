# What Mail::IMAPTalk, the client library of Cyrus' own tests, does with Loft, for test_imaptalk.py: one function a scenario.
# perl imaptalk.pl SCENARIO, with LOFT_PORT, LOFT_USER, LOFT_OTHER, LOFT_PASSWORD in the environment.
use strict;
use warnings;
use Mail::IMAPTalk;
use Test::More;

sub connected {
    my ($user) = @_;
    my $imap = Mail::IMAPTalk->new(Server => '127.0.0.1', Port => $ENV{LOFT_PORT}, Username => $user,
        Password => $ENV{LOFT_PASSWORD}, Uid => 1) or die "no connection: $@";
    $imap->set_tracing(1) if $ENV{LOFT_TRACE};
    return $imap;
}

sub letter {
    my ($n, %more) = @_;
    my $head = join '', map { "$_: $more{$_}\r\n" } sort keys %more;
    return "From: bernd\@example.com\r\nSubject: letter $n\r\nMessage-ID: <talk-$n\@example.com>\r\n"
        . "Date: Mon, 0$n Mar 2025 10:00:00 +0100\r\n$head\r\nbody $n\r\n";
}

sub fill {
    my ($imap, $folder, $count) = @_;
    for my $n (1 .. $count) {
        my %more = $n > 1 ? (References => "<talk-" . ($n - 1) . "\@example.com>") : ();
        ok($imap->append($folder, ['\\Flagged'], { Literal => letter($n, %more) }), "append $n") or diag $imap->get_last_error;
    }
}

my $mine = connected($ENV{LOFT_USER});
my $own = $ENV{LOFT_USER};
my $other = $ENV{LOFT_OTHER};

my %scenarios = (
    rights => sub {
        ok $mine->create('Team'), 'create';
        ok $mine->setacl('Team', $other, 'lr'), 'setacl' or diag $mine->get_last_error;
        my %acl = @{ $mine->getacl('Team') };
        is $acl{$other}, 'lr', 'getacl tells it';
        like scalar($mine->myrights('Team'))->[-1], qr/a/, 'the owner may administer';
        fill($mine, 'Team', 2);
        my $theirs = connected($other);
        my $shared = "Other Users/$own/Team";
        my @seen = map { $_->[2] } @{ $theirs->list('', 'Other Users/*') };
        ok((grep { $_ eq $shared } @seen), 'the other one sees it') or diag "@seen";
        is scalar($theirs->myrights($shared))->[-1], 'lr', 'myrights';
        ok $theirs->select($shared), 'select' or diag $theirs->get_last_error;
        is $theirs->get_response_code('exists'), 2, 'exists';
        ok !$theirs->store('1', '+flags', '(\\Deleted)'), 'no right to delete';
        ok !$theirs->append($shared, { Literal => letter(3) }), 'no right to insert';
        ok $mine->setacl('Team', $other, 'lrswit'), 'more rights';
        ok $theirs->append($shared, { Literal => letter(3) }), 'insert' or diag $theirs->get_last_error;
        ok $mine->deleteacl('Team', $other), 'deleteacl';
        ok !$theirs->status($shared, '(messages)'), 'hidden again';
        $theirs->logout;
    },
    quota => sub {
        fill($mine, 'INBOX', 2);
        my $roots = $mine->getquotaroot('INBOX');
        ok $roots, 'getquotaroot' or diag $mine->get_last_error;
        ok defined $mine->getquota(''), 'getquota' or diag $mine->get_last_error;
        ok !$mine->setquota('', '(STORAGE 1000000)'), 'nobody lifts his own limit';
    },
    metadata => sub {
        ok $mine->create('Notes'), 'create';
        ok $mine->setmetadata('Notes', '/private/comment', 'mine alone'), 'setmetadata' or diag $mine->get_last_error;
        my $got = $mine->getmetadata('Notes', '/private/comment');
        is $got->{Notes}{'/private/comment'}, 'mine alone', 'getmetadata' or diag explain $got;
        ok $mine->setmetadata('Notes', '/private/comment', undef), 'remove';
        $got = $mine->getmetadata('Notes', '/private/comment');
        ok !defined $got->{Notes}{'/private/comment'}, 'gone';
    },
    order => sub {
        fill($mine, 'INBOX', 4);
        ok $mine->select('INBOX'), 'select';
        is_deeply scalar($mine->sort('(reverse date)', 'utf-8', 'all')), [4, 3, 2, 1], 'sort';
        is_deeply scalar($mine->sort('(subject)', 'utf-8', 'not', 'text', 'body 3')), [1, 2, 4], 'sort some';
        my $threads = $mine->thread('references', 'utf-8', 'all');
        is_deeply $threads, [[1, 2, 3, 4]], 'thread' or diag explain $threads;
        is_deeply scalar($mine->search('flagged', 'unseen')), [1, 2, 3, 4], 'search';
        ok $mine->store('2:3', '+flags', '(\\Deleted)'), 'store';
        ok $mine->uidexpunge('3'), 'uidexpunge' or diag $mine->get_last_error;
        is_deeply scalar($mine->search('all')), [1, 2, 4], 'what is left';
        ok $mine->copy('1', 'Trash'), 'copy';
        ok $mine->move('2', 'Archive'), 'move' or diag $mine->get_last_error;
        is_deeply scalar($mine->search('all')), [1, 4], 'moved';
    },
    status => sub {
        fill($mine, 'Drafts', 3);
        my $all = $mine->multistatus('(messages uidnext unseen)', 'INBOX', 'Drafts', 'Sent');
        is $all->{Drafts}{messages}, 3, 'messages';
        is $all->{Drafts}{uidnext}, 4, 'uidnext';
        is $all->{Sent}{messages}, 0, 'none';
        ok $mine->create('Entw&APw-rfe/tief'), 'create below';
        ok $mine->rename('Entw&APw-rfe', 'Neu'), 'rename a tree';
        my @names = map { $_->[2] } @{ $mine->list('', 'Neu*') };
        is_deeply [sort @names], ['Neu', 'Neu/tief'], 'list' or diag "@names";
    },
);

my $scenario = $scenarios{ $ARGV[0] } or die "no scenario $ARGV[0]";
$scenario->();
$mine->logout;
done_testing;
