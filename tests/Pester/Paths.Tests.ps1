BeforeAll { . $PSScriptRoot/Setup.ps1 }

# One rule for all cmdlets: an existing file of that exact name, or else a pattern, which must match; new names may have brackets.
Describe 'Paths' {
    BeforeAll {
        $red = [Convert]::FromBase64String('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC')
        $place = New-Item TestDrive:/home -ItemType Directory
        $null = New-Item "$place/folder" -ItemType Directory
        Push-Location $place
        [IO.File]::WriteAllBytes("$place/red.png", $red)
        $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory run
        $reports = Get-TrainingHistory run

        function New-Folder([string] $Path) {
            foreach ($class in 'a', 'b') {
                $null = New-Item "$Path/$class" -ItemType Directory
                [IO.File]::WriteAllBytes("$place/$Path/$class/1.png", $red)
            }
        }

        function New-Cifar([string] $Path) {
            $null = New-Item $Path -ItemType Directory
            foreach ($name in (1..5 | ForEach-Object { "data_batch_$_.bin" }) + 'test_batch.bin') {
                $file = [IO.File]::Create("$place/$Path/$name")
                $file.SetLength(30730000)
                $file.Dispose()
            }
        }

        # The first error of a script, terminating or not.
        function Get-FirstError([scriptblock] $Script) {
            $Error.Clear()
            try { $null = & $Script 2>$null } catch { }
            if ($Error) { $Error[-1].FullyQualifiedErrorId.Split(',')[0] }
        }
    }

    AfterAll { Pop-Location }

    It 'are read by <cmdlet>' -ForEach @(
        @{
            cmdlet = 'Import-Model'
            make = { param($p) New-ResNet20 -Classes (Split-Path -Leaf $p), other | Save-Model $p }
            read = { param($p) (Import-Model $p).Classes[0] }
        }
        @{ cmdlet = 'Invoke-Inference'; make = { param($p) Copy-Item red.png $p }; read = { param($p) (Invoke-Inference $model $p).Path } }
        @{ cmdlet = 'Get-ImageDataset'; make = { param($p) New-Folder $p }; read = { param($p) (Get-ImageDataset $p).Source } }
        @{
            cmdlet = 'Get-Cifar10'
            make = { param($p) New-Cifar $p }
            read = { param($p) (Get-Cifar10 $p -TrainCount 1 -TestCount 1).Source }
        }
        @{
            cmdlet = 'Get-TrainingHistory'
            make = { param($p) Copy-Item run $p -Recurse }
            read = { param($p) (Get-TrainingHistory $p)[0].Run }
        }
    ) {
        $null = New-Item "$cmdlet-in [1]" -ItemType Directory
        foreach ($name in 'x[1]', 'x1', 'y1', 'in [1]/z1', 'in [1]/z2') { & $make "$cmdlet-$name" }
        & $read "$cmdlet-x[1]" | Split-Path -Leaf | Should -Be "$cmdlet-x[1]"
        & $read "$cmdlet-y[1]" | Split-Path -Leaf | Should -Be "$cmdlet-y1"
        & $read "$cmdlet-x``[1``]" | Split-Path -Leaf | Should -Be "$cmdlet-x[1]"
        & $read "$cmdlet-in [1]/z[1]" | Split-Path -Leaf | Should -Be z1
        foreach ($nothing in 'q[1]', 'q*', 'q[', 'nowhere/*') { Get-FirstError { & $read "$cmdlet-$nothing" } | Should -Be 'FileNotFound' }
    }

    It 'are written by <cmdlet>' -ForEach @(
        @{ cmdlet = 'Save-Model'; ending = '.safetensors'; write = { param($p, $more) $model | Save-Model $p @more } }
        @{ cmdlet = 'Export-Model'; ending = '.onnx'; write = { param($p, $more) $model | Export-Model $p @more } }
        @{ cmdlet = 'Export-ModelGraph'; ending = '.dot'; write = { param($p, $more) $model | Export-ModelGraph $p @more } }
        @{ cmdlet = 'Export-TrainingPlot'; ending = '.svg'; write = { param($p, $more) $reports | Export-TrainingPlot $p @more } }
        @{
            cmdlet = 'Export-ConfusionMatrix'; ending = '.svg'
            write = { param($p, $more) $data | Measure-Model $model | Export-ConfusionMatrix $p @more }
        }
        @{
            cmdlet = 'Export-PredictionSheet'; ending = '.svg'
            write = { param($p, $more) $data | Invoke-Inference $model | Export-PredictionSheet $p @more }
        }
    ) {
        foreach ($name in 'out [a]', 'new [1]/x', 'half [') {
            & $write "$cmdlet-$name$ending" @{}
            Test-Path -LiteralPath "$cmdlet-$name$ending" | Should -BeTrue
        }
        Set-Content "$cmdlet-x1$ending" precious
        & $write "$cmdlet-x[1]$ending" @{ Force = $true }
        Get-Content "$cmdlet-x1$ending" | Should -Be precious
        & $write "$cmdlet-x?$ending" @{ Force = $true }
        Get-Content "$cmdlet-x1$ending" | Select-Object -First 1 | Should -Not -Be precious
        Get-FirstError { & $write "$cmdlet-none*$ending" @{} } | Should -Be 'FileNotFound'
        Get-FirstError { & $write "$cmdlet-*$ending" @{} } | Should -Be 'AmbiguousPath'
    }

    It 'of a run may have brackets, and go on by a pattern' {
        $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory 'night [1]'
        Test-Path -LiteralPath 'night [1]/model.safetensors' | Should -BeTrue
        ($data | Start-ModelTraining -ResumeFrom 'night [1]' -Epochs 2).Epoch | Should -Be 2
        ($data | Start-ModelTraining -ResumeFrom 'nigh*/*latest*' -Epochs 3).Epoch | Should -Be 3
        Get-FirstError { $data | Start-ModelTraining -ResumeFrom 'none*' } | Should -Be 'FileNotFound'
        Get-FirstError { $data | Start-ModelTraining (New-ResNet20) -OutputDirectory red.png } | Should -Be 'NotAFolder'
    }

    It 'of folders stand for what is in them: <script>' -ForEach @(
        @{ script = { (Import-Model run).TrainedEpochs }; expected = 1 }
        @{ script = { (Get-Item run | Import-Model).TrainedEpochs }; expected = 1 }
        @{ script = { @(Invoke-Inference $model pics).Count }; expected = 1 }
        @{ script = { @(Invoke-Inference $model pics -Recurse).Count }; expected = 3 }
        @{ script = { @(Get-Item pics | Invoke-Inference $model -Recurse).Count }; expected = 3 }
        @{ script = { @(Get-ChildItem pics -Recurse | Invoke-Inference $model).Count }; expected = 3 }
        @{ script = { Get-FirstError { Import-Model folder } }; expected = 'FileNotFound' }
        @{ script = { Get-FirstError { Invoke-Inference $model folder } }; expected = 'NoImages' }
        @{ script = { Get-FirstError { Get-ImageDataset red.png } }; expected = 'NotAFolder' }
        @{ script = { Get-FirstError { $model | Save-Model folder } }; expected = 'NotARegularFile' }
    ) {
        if (!(Test-Path pics)) { New-Folder pics; Copy-Item red.png pics/c.jpg }
        & $script 3>$null | Should -Be $expected
    }
}
