# bash completion for weir(1). With the package bash-completion the arguments of COMMAND are completed as its own.

_weir_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# weir run's COMMAND begins at word $1.
_weir_command()
{
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)) && [[ ${COMP_WORDS[COMP_CWORD]} != */* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        _weir_files "${COMP_WORDS[COMP_CWORD]}"
    fi
}

# The value $3 of option $2 of command $1. Bash makes "--option=value" three words, "--option", "=" and "value";
# --link's value is so cut at each "=" too.
_weir_value()
{
    case $2 in
        -m | --machine)
            COMPREPLY=($(compgen -W "$("$1" ls 2>/dev/null | while read -r name _; do echo "$name"; done)" -- "$3"))
            ;;
        --pcap | --json | --pcap-dir) _weir_files "$3" ;;
        --profile) COMPREPLY=($(compgen -W "calm lossy long-fat hostile churn mobile" -- "$3")) ;;
        --tap)
            COMPREPLY=($(compgen -S , -W "$(ip -o link show type tun 2>/dev/null | awk -F': ' '{print $2}')" -- "$3"))
            compopt -o nospace 2>/dev/null
            ;;
        --link)
            local last=${3##*,}
            [[ $last == *=* ]] || COMPREPLY=($(compgen -P "${3%"$last"}" -S = \
                -W "delay jitter loss reorder duplicate corrupt rate seed" -- "$last"))
            compopt -o nospace 2>/dev/null
            ;;
        --ip) COMPREPLY=($(compgen -W "ipv4 ipv4-mapped-ipv6 ipv6 all" -- "$3")) ;;
        --non_fatal) COMPREPLY=($(compgen -W "packet syscall packet,syscall" -- "$3")) ;;
        --define | --mtu | --local_ip | --remote_ip | --tolerance_usecs) ;;
        --seed | --seeds | --minutes | --jobs | --save-points) ;;
        *) return 1 ;;
    esac
    return 0
}

_weir()
{
    local weir=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} i=2
    local at=$COMP_CWORD previous

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "run up down ls cat listeners drops drill sim referee --help --version" -- "$current"))
        return
    fi
    if [[ $command == run ]]; then
        while ((i < COMP_CWORD)); do
            case ${COMP_WORDS[i]} in
                --) _weir_command $((i + 1)); return ;;
                -m | --machine) ((i++)); [[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;
                -*) ;;
                *) _weir_command "$i"; return ;;
            esac
            ((i++))
        done
    fi
    [[ $current == = ]] && { current=; ((at++)); }
    while [[ ${COMP_WORDS[at - 1]} == = ]]; do ((at -= 2)); done
    previous=${COMP_WORDS[at]}
    [[ $previous == -* && $at -lt $COMP_CWORD ]] || previous=${COMP_WORDS[at - 1]}
    _weir_value "$weir" "$previous" "$current" && return
    case $command:$current in
        up:-*) COMPREPLY=($(compgen -W "-m --machine --tap --link --pcap --seed --foreground --help" -- "$current")) ;;
        run:-*) COMPREPLY=($(compgen -W "-m --machine --low-numbers --help" -- "$current")) ;;
        run:*) _weir_command "$COMP_CWORD" ;;
        sim:-*)
            COMPREPLY=($(compgen -W "--seeds --profile --minutes --jobs --save-points --json --pcap-dir --digest \
                --verbose --help" -- "$current"))
            ;;
        drill:-*)
            COMPREPLY=($(compgen -W "--ip --seed --seeds --define --live --jobs --json --quiet --verbose --mtu --local_ip --remote_ip \
                --tolerance_usecs --strict_segments --non_fatal --dry_run --help" -- "$current"))
            ;;
        drill:*) _weir_files "$current" ;;
        referee:-*) COMPREPLY=($(compgen -W "--local --offloads --complete --json --help" -- "$current")) ;;
        referee:*) _weir_files "$current" ;;
        ls:-*) COMPREPLY=($(compgen -W "--help" -- "$current")) ;;
        *:-*) COMPREPLY=($(compgen -W "-m --machine --help" -- "$current")) ;;
        cat:*)
            COMPREPLY=($(compgen -W "net/tcp net/tcp6 net/udp net/udp6 net/snmp net/netstat net/dev net/route \
                net/sockstat net/raw sys/net/ipv4/ip_forward" -- "$current"))
            ;;
    esac
} &&
    complete -F _weir weir
