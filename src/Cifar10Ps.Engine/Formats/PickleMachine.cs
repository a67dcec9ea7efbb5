using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Cifar10Ps;

/// <summary>A dictionary of a pickle: its entries in order, whatever their keys are.</summary>
internal sealed class PickleMap
{
    /// <summary>The entries.</summary>
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>
/// Reads pickles and runs nothing: of the machine that they are written for it has the instructions that state dicts need,
/// and of Python what its maker allows. Everything else is refused by name.
/// </summary>
/// <param name="content">One or more pickles.</param>
/// <param name="globals">What pickles may name, as <c>module.name</c>: functions of their arguments, or plain values.</param>
/// <param name="load">Gives what lies outside the pickle, by its persistent id.</param>
/// <remarks>
/// None becomes null; integers long or <see cref="BigInteger"/>; tuples arrays; lists <see cref="List{T}"/>; dictionaries
/// <see cref="PickleMap"/>. The instructions: <c>https://github.com/python/cpython/blob/main/Lib/pickletools.py</c>.
/// </remarks>
internal sealed class PickleMachine(byte[] content, IReadOnlyDictionary<string, object> globals, Func<object?, object?> load)
{
    // A ResNet-110 takes 20,000. It bounds the stack, the memo and all objects: an instruction adds one at most to each.
    private const int StepLimit = 1_000_000;

    private const int HighestProtocol = 5;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position, _steps;

    /// <summary>A function that pickles may call.</summary>
    public delegate object? Function(object?[] arguments);

    private enum Opcode : byte
    {
        Mark = (byte)'(', Stop = (byte)'.', None = (byte)'N', NewTrue = 0x88, NewFalse = 0x89, Protocol = 0x80, Frame = 0x95,
        BinInt = (byte)'J', BinInt1 = (byte)'K', BinInt2 = (byte)'M', Long1 = 0x8a, BinFloat = (byte)'G',
        BinUnicode = (byte)'X', ShortBinUnicode = 0x8c, BinUnicode8 = 0x8d,
        EmptyTuple = (byte)')', Tuple = (byte)'t', Tuple1 = 0x85, Tuple2 = 0x86, Tuple3 = 0x87,
        EmptyList = (byte)']', Append = (byte)'a', Appends = (byte)'e', EmptyDict = (byte)'}', SetItem = (byte)'s', SetItems = (byte)'u',
        BinPut = (byte)'q', LongBinPut = (byte)'r', Memoize = 0x94, BinGet = (byte)'h', LongBinGet = (byte)'j',
        Global = (byte)'c', StackGlobal = 0x93, Reduce = (byte)'R', Build = (byte)'b', BinPersId = (byte)'Q',
    }

    /// <summary>Where the next pickle begins.</summary>
    public int Position => _position;

    /// <summary>Reads the next pickle.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or wants what is not allowed.</exception>
    public object? Read()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        while (true)
        {
            if (++_steps > StepLimit)
                throw Invalid($"has more than {StepLimit:N0} instructions");
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
            case Opcode.None: _stack.Add(null); break;
            case Opcode.NewTrue: _stack.Add(true); break;
            case Opcode.NewFalse: _stack.Add(false); break;
            case Opcode.BinInt: _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case Opcode.BinInt1: _stack.Add((long)TakeByte()); break;
            case Opcode.BinInt2: _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case Opcode.Long1:
                BigInteger number = new(Take(TakeByte()));
                _stack.Add(number >= long.MinValue && number <= long.MaxValue ? (object)(long)number : number);
                break;
            case Opcode.BinFloat: _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case Opcode.BinUnicode: _stack.Add(Text(Take(TakeUInt32()))); break;
            case Opcode.ShortBinUnicode: _stack.Add(Text(Take(TakeByte()))); break;
            case Opcode.BinUnicode8: _stack.Add(Text(Take(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))))); break;
            case Opcode.EmptyTuple: _stack.Add(Array.Empty<object?>()); break;
            case Opcode.Tuple: _stack.Add(PopToMark()); break;
            case Opcode.Tuple1: _stack.Add(Pop(1)); break;
            case Opcode.Tuple2: _stack.Add(Pop(2)); break;
            case Opcode.Tuple3: _stack.Add(Pop(3)); break;
            case Opcode.EmptyList: _stack.Add(new List<object?>()); break;
            case Opcode.Append: Append(Pop(1)); break;
            case Opcode.Appends: Append(PopToMark()); break;
            case Opcode.EmptyDict: _stack.Add(new PickleMap()); break;
            case Opcode.SetItem: SetItems(Pop(2)); break;
            case Opcode.SetItems: SetItems(PopToMark()); break;
            case Opcode.BinPut: _memo[TakeByte()] = Top(); break;
            case Opcode.LongBinPut: _memo[TakeUInt32()] = Top(); break;
            case Opcode.Memoize: _memo[(uint)_memo.Count] = Top(); break;
            case Opcode.BinGet: _stack.Add(Remembered(TakeByte())); break;
            case Opcode.LongBinGet: _stack.Add(Remembered(TakeUInt32())); break;
            case Opcode.Global: _stack.Add(Find(Text(TakeLine()), Text(TakeLine()))); break;
            case Opcode.StackGlobal:
                _stack.Add(Pop(2) is [string module, string name] ? Find(module, name) : throw Invalid("names something by other than text"));
                break;
            case Opcode.Reduce:
                _stack.Add(Pop(2) is [Function function, object?[] arguments] ? function(arguments) : throw Invalid("calls what is no function"));
                break;
            case Opcode.Build:
                // A state dict carries the versions of its layers as an attribute; nothing here depends on them.
                Pop();
                if (Top() is not PickleMap)
                    throw Invalid("sets the state of what has none");
                break;
            case Opcode.BinPersId: _stack.Add(load(Pop())); break;
            default: throw Invalid($"uses the instruction 0x{(byte)opcode:x2}, which is not allowed");
        }
    }

    private object Find(string module, string name) =>
        globals.TryGetValue($"{module}.{name}", out object? found) ? found : throw new InvalidDataException(
            $"the pickle wants '{Printable($"{module}.{name}")}', which is not allowed");

    private void Append(object?[] items)
    {
        if (Top() is not List<object?> list)
            throw Invalid("appends to what is no list");
        list.AddRange(items);
    }

    private void SetItems(object?[] items)
    {
        if (Top() is not PickleMap map || items.Length % 2 != 0)
            throw Invalid("sets entries of what is no dictionary");
        for (int i = 0; i < items.Length; i += 2)
            map.Items.Add((items[i], items[i + 1]));
    }

    private object? Remembered(uint index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw Invalid($"recalls entry {index} of its memo, which it never made");

    private object? Top() => _stack.Count > Bottom ? _stack[^1] : throw Invalid("takes more than it has");

    private object? Pop() => Pop(1)[0];

    private object?[] Pop(int count)
    {
        if (_stack.Count - count < Bottom)
            throw Invalid("takes more than it has");
        object?[] items = [.. _stack.GetRange(_stack.Count - count, count)];
        _stack.RemoveRange(_stack.Count - count, count);
        return items;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Invalid("closes what it never opened");
        object?[] items = Pop(_stack.Count - Bottom);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    /// <summary>Where the part of the stack begins that may be taken: above the last mark.</summary>
    private int Bottom => _marks.Count == 0 ? 0 : _marks[^1];

    private byte TakeByte() => Take(1)[0];

    private uint TakeUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

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
            throw new InvalidDataException("the pickle has a text that is no UTF-8", e);
        }
    }

    /// <summary>A name that is safe to show on a terminal.</summary>
    private static string Printable(string name) =>
        string.Concat((name.Length > 100 ? name[..100] + "…" : name).Select(c => char.IsControl(c) ? '?' : c));

    private static InvalidDataException Invalid(string what) => new($"the pickle {what}");
}
