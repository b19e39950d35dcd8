# bash completion for weir(1)

_weir()
{
    local cur prev words cword
    _init_completion -s || return
    local command=${words[1]} i

    if ((cword == 1)); then
        COMPREPLY=($(compgen -W "run up down ls cat listeners drops --help --version" -- "$cur"))
        return
    fi
    case $prev in
        -m | --machine)
            COMPREPLY=($(compgen -W "$(weir ls 2>/dev/null | awk '{print $1}')" -- "$cur"))
            return
            ;;
        --pcap)
            _filedir
            return
            ;;
        --tap)
            COMPREPLY=($(compgen -S , -W "$(ip -o link show type tun 2>/dev/null | awk -F': ' '{print $2}')" -- "$cur"))
            compopt -o nospace
            return
            ;;
        --link)
            COMPREPLY=($(compgen -S = -W "delay jitter loss reorder duplicate corrupt rate seed" -- "$cur"))
            compopt -o nospace
            return
            ;;
        --seed) return ;;
    esac
    if [[ $command == run ]]; then
        for ((i = 2; i < cword; i++)); do
            case ${words[i]} in
                -m | --machine) ((i++)) ;;
                --) _command_offset $((i + 1)); return ;;
                -*) ;;
                *) _command_offset $i; return ;;
            esac
        done
        if [[ $cur != -* ]]; then
            _command_offset $cword
            return
        fi
    fi
    if [[ $cur == -* ]]; then
        case $command in
            up) COMPREPLY=($(compgen -W "--machine= --tap= --link= --pcap= --seed= --foreground --help" -- "$cur")) ;;
            run) COMPREPLY=($(compgen -W "--machine= --low-numbers --help" -- "$cur")) ;;
            ls) COMPREPLY=($(compgen -W "--help" -- "$cur")) ;;
            *) COMPREPLY=($(compgen -W "--machine= --help" -- "$cur")) ;;
        esac
        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
    elif [[ $command == cat ]]; then
        COMPREPLY=($(compgen -W "net/tcp net/tcp6 net/udp net/udp6 net/snmp net/netstat net/dev net/route \
            net/sockstat net/raw sys/net/ipv4/ip_forward" -- "$cur"))
    fi
} &&
    complete -F _weir weir
