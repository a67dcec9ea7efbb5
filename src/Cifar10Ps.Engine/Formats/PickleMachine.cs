using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Cifar10Ps.Formats;

/// <summary>
/// Reads pickles of every protocol and runs nothing. What a pickle names and calls becomes plain values if a function for it is given, and
/// otherwise opaque (<see cref="PickleObject"/>), except for what <see cref="PickleNames"/> refuses.
/// </summary>
/// <param name="content">One or more pickles.</param>
/// <param name="globals">Known names, as <c>module.name</c>: functions of their arguments, or plain values.</param>
/// <param name="load">Gives what lies outside the pickle, by its persistent id.</param>
/// <remarks>
/// None becomes null; integers long or <see cref="BigInteger"/>; tuples arrays; lists and sets <see cref="List{T}"/>; dictionaries
/// <see cref="PickleMap"/>; bytes <see cref="ReadOnlyMemory{T}"/>; texts of Python 2 that are not UTF-8 too. The instructions:
/// <c>https://github.com/python/cpython/blob/main/Lib/pickletools.py</c>.
/// </remarks>
internal sealed partial class PickleMachine(byte[] content, IReadOnlyDictionary<string, object> globals, Func<object?, object?> load)
{
    // A ResNet-110 takes 20,000. It bounds the stack, the memo and all objects: an instruction adds at most one to each,
    // and if a call copies a list, each element counts.
    private const int StepLimit = 1_000_000;

    private const int HighestProtocol = 5, LongestInteger = 1_000, LongestName = 500;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position;
    private long _steps;

    /// <summary>A function that pickles may call.</summary>
    public delegate object? Function(object?[] arguments);

    private enum Opcode : byte
    {
        Mark = (byte)'(', Stop = (byte)'.', Pop = (byte)'0', PopMark = (byte)'1', Dup = (byte)'2', Protocol = 0x80, Frame = 0x95,
        None = (byte)'N', NewTrue = 0x88, NewFalse = 0x89, Int = (byte)'I', Long = (byte)'L', Float = (byte)'F',
        BinInt = (byte)'J', BinInt1 = (byte)'K', BinInt2 = (byte)'M', Long1 = 0x8a, Long4 = 0x8b, BinFloat = (byte)'G',
        String = (byte)'S', BinString = (byte)'T', ShortBinString = (byte)'U',
        Unicode = (byte)'V', BinUnicode = (byte)'X', ShortBinUnicode = 0x8c, BinUnicode8 = 0x8d,
        BinBytes = (byte)'B', ShortBinBytes = (byte)'C', BinBytes8 = 0x8e, ByteArray8 = 0x96,
        EmptyTuple = (byte)')', Tuple = (byte)'t', Tuple1 = 0x85, Tuple2 = 0x86, Tuple3 = 0x87,
        EmptyList = (byte)']', List = (byte)'l', Append = (byte)'a', Appends = (byte)'e',
        EmptyDict = (byte)'}', Dict = (byte)'d', SetItem = (byte)'s', SetItems = (byte)'u',
        EmptySet = 0x8f, AddItems = 0x90, FrozenSet = 0x91,
        Put = (byte)'p', BinPut = (byte)'q', LongBinPut = (byte)'r', Memoize = 0x94,
        Get = (byte)'g', BinGet = (byte)'h', LongBinGet = (byte)'j',
        Global = (byte)'c', StackGlobal = 0x93, Reduce = (byte)'R', Build = (byte)'b', Instance = (byte)'i', Object = (byte)'o',
        NewObject = 0x81, NewObjectExtended = 0x92, PersistentId = (byte)'P', BinPersistentId = (byte)'Q',
    }

    /// <summary>Where the next pickle begins.</summary>
    public int Position => _position;

    /// <summary>Reads the next pickle.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or refers to something that is not allowed.</exception>
    public object? Read()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        while (true)
        {
            Count(1);
            Opcode opcode = (Opcode)TakeByte();
            if (opcode == Opcode.Stop)
                return Pop();
            Execute(opcode);
        }
    }

    private void Execute(Opcode opcode)
    {
        switch (opcode)
        {
            case Opcode.Protocol:
                if (TakeByte() is > HighestProtocol and byte protocol)
                    throw Invalid($"is of protocol {protocol}, which is unknown");
                break;
            case Opcode.Frame: Take(8); break;
            case Opcode.Mark: _marks.Add(_stack.Count); break;
            case Opcode.Pop when _marks.Count > 0 && _marks[^1] == _stack.Count: _marks.RemoveAt(_marks.Count - 1); break;
            case Opcode.Pop: Pop(); break;
            case Opcode.PopMark: PopToMark(); break;
            case Opcode.Dup: _stack.Add(Top()); break;
            case Opcode.None: _stack.Add(null); break;
            case Opcode.NewTrue: _stack.Add(true); break;
            case Opcode.NewFalse: _stack.Add(false); break;
            case Opcode.Int:
                string digits = TakeText();
                if (digits is "00" or "01")
                    _stack.Add(digits == "01");
                else
                    Push(Integer(digits));
                break;
            case Opcode.Long: Push(Integer(TakeText().TrimEnd('L'))); break;
            case Opcode.Float:
                _stack.Add(double.TryParse(TakeText(), CultureInfo.InvariantCulture, out double real) ? real : double.NaN);
                break;
            case Opcode.BinInt: _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case Opcode.BinInt1: _stack.Add((long)TakeByte()); break;
            case Opcode.BinInt2: _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case Opcode.Long1: Push(Integer(Take(TakeByte()))); break;
            case Opcode.Long4: Push(Integer(Take(TakeUInt32()))); break;
            case Opcode.BinFloat: _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case Opcode.String: _stack.Add(Unescaped(TakeText().Trim('\'', '"'))); break;
            case Opcode.BinString: _stack.Add(TextOrBytes(TakeUInt32())); break;
            case Opcode.ShortBinString: _stack.Add(TextOrBytes(TakeByte())); break;
            case Opcode.Unicode: _stack.Add(Unescaped(TakeText())); break;
            case Opcode.BinUnicode: _stack.Add(Text(Take(TakeUInt32()))); break;
            case Opcode.ShortBinUnicode: _stack.Add(Text(Take(TakeByte()))); break;
            case Opcode.BinUnicode8: _stack.Add(Text(Take(TakeUInt64()))); break;
            case Opcode.BinBytes: _stack.Add(Bytes(TakeUInt32())); break;
            case Opcode.ShortBinBytes: _stack.Add(Bytes(TakeByte())); break;
            case Opcode.BinBytes8 or Opcode.ByteArray8: _stack.Add(Bytes(TakeUInt64())); break;
            case Opcode.EmptyTuple: _stack.Add(Array.Empty<object?>()); break;
            case Opcode.Tuple: _stack.Add(PopToMark()); break;
            case Opcode.Tuple1: _stack.Add(Pop(1)); break;
            case Opcode.Tuple2: _stack.Add(Pop(2)); break;
            case Opcode.Tuple3: _stack.Add(Pop(3)); break;
            case Opcode.EmptyList or Opcode.EmptySet: _stack.Add(new List<object?>()); break;
            case Opcode.List or Opcode.FrozenSet: _stack.Add(new List<object?>(PopToMark())); break;
            case Opcode.Append: Append(Pop(1)); break;
            case Opcode.Appends or Opcode.AddItems: Append(PopToMark()); break;
            case Opcode.EmptyDict: _stack.Add(new PickleMap()); break;
            case Opcode.Dict:
                object?[] entries = PopToMark();
                _stack.Add(new PickleMap());
                SetItems(entries);
                break;
            case Opcode.SetItem: SetItems(Pop(2)); break;
            case Opcode.SetItems: SetItems(PopToMark()); break;
            case Opcode.Put: _memo[MemoIndex()] = Top(); break;
            case Opcode.BinPut: _memo[TakeByte()] = Top(); break;
            case Opcode.LongBinPut: _memo[TakeUInt32()] = Top(); break;
            case Opcode.Memoize: _memo[(uint)_memo.Count] = Top(); break;
            case Opcode.Get: _stack.Add(Remembered(MemoIndex())); break;
            case Opcode.BinGet: _stack.Add(Remembered(TakeByte())); break;
            case Opcode.LongBinGet: _stack.Add(Remembered(TakeUInt32())); break;
            case Opcode.Global: _stack.Add(Find(Text(TakeLine()), Text(TakeLine()))); break;
            case Opcode.StackGlobal:
                _stack.Add(Pop(2) is [string module, string name] ? Find(module, name)
                    : throw Invalid("uses a name that is not text"));
                break;
            case Opcode.Reduce:
                _stack.Add(Pop(2) is [var callee, object?[] arguments] ? Call(callee, arguments)
                    : throw Invalid("calls something with arguments that are not a tuple"));
                break;
            case Opcode.Instance:
                object found = Find(Text(TakeLine()), Text(TakeLine()));
                _stack.Add(Call(found, PopToMark()));
                break;
            case Opcode.Object:
                _stack.Add(PopToMark() is [var constructor, .. var given] ? Call(constructor, given)
                    : throw Invalid("makes a call without a function"));
                break;
            case Opcode.NewObject:
                _stack.Add(Pop(2) is [var type, object?[] values] ? Make(type, values)
                    : throw Invalid("makes an object from arguments that are not a tuple"));
                break;
            case Opcode.NewObjectExtended:
                _stack.Add(Pop(3) is [var kind, object?[] inOrder, var named] ? Make(kind, [inOrder, named])
                    : throw Invalid("makes an object from arguments that are not a tuple"));
                break;
            case Opcode.Build:
                object? state = Pop();
                if (Top() is PickleObject built)
                    built.State = state;
                // State dicts and parameters carry layer versions and other attributes; nothing here depends on them.
                else if (Top() is not (PickleMap or TorchTensor))
                    throw Invalid("sets the state of something that has none");
                break;
            case Opcode.PersistentId: _stack.Add(load(TakeText())); break;
            case Opcode.BinPersistentId: _stack.Add(load(Pop())); break;
            default: throw Invalid($"uses the instruction 0x{(byte)opcode:x2}, which is not allowed");
        }
    }

    private void Count(int steps)
    {
        if ((_steps += steps) > StepLimit)
            throw Invalid($"has more than {StepLimit:N0} instructions");
    }

    private object Find(string module, string name)
    {
        if (module.Length + name.Length > LongestName)
            throw Invalid("names something that is too long for a name");
        PickleGlobal global = new(module, name);
        if (globals.TryGetValue(global.ToString(), out object? found))
            return found;
        return PickleNames.MayBeNamed(global) ? global : throw NotAllowed(global);
    }

    private object? Call(object? callee, object?[] arguments)
    {
        switch (callee)
        {
            case Function function:
                // What a function may do for each.
                foreach (object? argument in arguments)
                    Count(argument switch { List<object?> list => list.Count, PickleMap map => map.Items.Count, _ => 0 });
                return function(arguments);
            case PickleGlobal { Name: "_reconstructor" or "__newobj__" or "__newobj_ex__" } when arguments is [PickleGlobal type, ..]:
                return new PickleObject(type, arguments);
            case PickleGlobal getter when PickleNames.IsGetAttribute(getter):
                return arguments is [{ } owner, string name] && !name.StartsWith("__", StringComparison.Ordinal)
                    ? Attribute(owner, name) : throw NotAllowed(getter);
            case PickleGlobal global:
                return PickleNames.MayBeCalled(global) ? new PickleObject(global, arguments) : throw NotAllowed(global);
            default:
                throw Invalid("calls something that is not a function");
        }
    }

    /// <summary>What is nested in a class, or a method of an object, by the name that protocol 4 has for it; it is not called.</summary>
    private object Attribute(object owner, string name) => owner switch
    {
        PickleGlobal type when Find(type.Module, $"{type.Name}.{name}") is PickleGlobal nested => nested,
        PickleObject { Maker: { } maker } when Find(maker.Module, $"{maker.Name}.{name}") is PickleGlobal method =>
            new PickleObject(method, [owner]),
        _ => throw Invalid("takes an attribute of something that has none"),
    };

    /// <summary>An object of a class that is never called.</summary>
    private object? Make(object? type, object?[] arguments) =>
        type is PickleGlobal global ? new PickleObject(global, arguments) : Call(type, arguments);

    private void Append(object?[] items)
    {
        List<object?> list = Top() switch
        {
            List<object?> own => own,
            PickleObject other => other.Elements ??= [],
            _ => throw Invalid("appends to something that is not a list"),
        };
        list.AddRange(items);
    }

    private void SetItems(object?[] items)
    {
        PickleMap map = Top() switch
        {
            PickleMap own => own,
            PickleObject other => other.Entries ??= new PickleMap(),
            _ => throw Invalid("sets entries of something that is not a dictionary"),
        };
        if (items.Length % 2 != 0)
            throw Invalid("sets entries of something that is not a dictionary");
        for (int i = 0; i < items.Length; i += 2)
            map.Items.Add((items[i], items[i + 1]));
    }

    private object? Remembered(uint index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw Invalid($"recalls entry {index} of its memo, which it never stored");

    private object? Top() => _stack.Count > Bottom ? _stack[^1] : throw Invalid("takes more from its stack than it holds");

    private object? Pop() => Pop(1)[0];

    private object?[] Pop(int count)
    {
        if (_stack.Count - count < Bottom)
            throw Invalid("takes more from its stack than it holds");
        object?[] items = [.. _stack.GetRange(_stack.Count - count, count)];
        _stack.RemoveRange(_stack.Count - count, count);
        return items;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Invalid("closes something that it never opened");
        object?[] items = Pop(_stack.Count - Bottom);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    /// <summary>Where the accessible part of the stack begins: above the last mark.</summary>
    private int Bottom => _marks.Count == 0 ? 0 : _marks[^1];

    private byte TakeByte() => Take(1)[0];

    private uint TakeUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    private ulong TakeUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>The rest of a line, in the protocol of text.</summary>
    private string TakeText() => Encoding.Latin1.GetString(TakeLine()).Trim();

    private uint MemoIndex() => uint.TryParse(TakeText(), CultureInfo.InvariantCulture, out uint index) ? index
        : throw Invalid("has a memo entry without a number");

    private ReadOnlyMemory<byte> Bytes(ulong count)
    {
        int length = Take(count).Length;
        return content.AsMemory(_position - length, length);
    }

    /// <summary>A text of Python 2, which may also be bytes.</summary>
    private object TextOrBytes(uint count)
    {
        ReadOnlyMemory<byte> bytes = Bytes(count);
        return Utf8.IsValid(bytes.Span) ? Encoding.UTF8.GetString(bytes.Span) : bytes;
    }

    // Longer numbers, which no program writes, would take ever more time to parse.
    private static BigInteger Integer(ReadOnlySpan<byte> bytes) =>
        bytes.Length <= LongestInteger ? new BigInteger(bytes) : throw Invalid("has a number that is too long");

    private static BigInteger Integer(string digits) =>
        digits.Length <= LongestInteger && BigInteger.TryParse(digits, CultureInfo.InvariantCulture, out BigInteger number) ? number
            : throw Invalid("has a number that is invalid or too long");

    private void Push(BigInteger number)
    {
        if (number >= long.MinValue && number <= long.MaxValue)
            _stack.Add((long)number);
        else
            _stack.Add(number);
    }

    /// <summary>A text as the protocol of text writes it: <c>\n</c>, <c>\x0a</c>,
    /// <c>\u000a</c> for characters that cannot be on a line.</summary>
    private static string Unescaped(string text) => Escape().Replace(text, match => match.Value[1] switch
    {
        'x' or 'u' or 'U'
            when int.TryParse(match.ValueSpan[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int rune)
            && Rune.IsValid(rune) => new Rune(rune).ToString(),
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        char other => other.ToString(),
    });

    private ReadOnlySpan<byte> TakeLine()
    {
        int length = content.AsSpan(_position).IndexOf((byte)'\n');
        if (length < 0)
            throw Invalid("is cut off");
        ReadOnlySpan<byte> line = Take((ulong)length);
        _position++;
        return line;
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(content.Length - _position))
            throw Invalid("is cut off");
        _position += (int)count;
        return content.AsSpan(_position - (int)count, (int)count);
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("the pickle has a text that is not UTF-8", e);
        }
    }

    private static InvalidDataException NotAllowed(PickleGlobal global) =>
        Invalid($"refers to '{DisplayText.Name(global.ToString())}', which is not allowed");

    private static InvalidDataException Invalid(string what) => new($"the pickle {what}");

    [GeneratedRegex(@"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")]
    private static partial Regex Escape();
}
